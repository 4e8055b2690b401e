"""What a layer could reach on an accelerator: its arithmetic and memory traffic beside what the device has.

The roofline model of Williams, Waterman and Patterson (2009): a program takes at least its operations over
the device's rate of arithmetic, and at least its bytes over the memory's bandwidth. Bytes are those of the
program that XLA makes for CPUs, which keeps gathers apart from formulas; a GPU's moves fewer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from gscale.bench.speed.layer_timing import LAYER
from gscale.flows.flow import Layer

_NUMBERS = 2**18  # of the rows that are analysed: one block of them, so that no loop hides its repetitions


@dataclass(frozen=True)
class Device:
    """Rates of a device in float32: operations and bytes a second.

    References
    ----------
    NVIDIA H100 Tensor Core GPU datasheet, SXM5: 67 TFLOP/s in float32 and 3.35 TB/s. Products at precision
    "highest" don't use its tensor cores.
    """

    name: str = "H100 SXM5"
    flops: float = 67e12
    bandwidth: float = 3.35e12


@dataclass(frozen=True)
class Roofline:
    """Operations and bytes a row of one step of a layer, by XLA's own analysis of the compiled program."""

    step: str
    dim: int
    flops: float
    bytes: float

    def seconds(self, device: Device) -> float:
        """The least time a row can take."""
        return max(self.flops / device.flops, self.bytes / device.bandwidth)

    def shares(self, device: Device) -> tuple[float, float]:
        """Shares of the device's arithmetic and of its bandwidth that are in use at that time."""
        seconds = self.seconds(device)
        return self.flops / device.flops / seconds, self.bytes / device.bandwidth / seconds


def rooflines(dims: tuple[int, ...]) -> Iterator[Roofline]:
    """A layer's fit and its forward map with log-determinant, and the product of its rotation, for each D."""
    for dim in dims:
        n = _NUMBERS // dim
        x = jnp.zeros((n, dim), jnp.float32)
        fitted = jax.eval_shape(LAYER.fit, jax.random.key(0), x)
        for step, function, arguments in _steps(fitted, x):
            costs = jax.jit(function).lower(*arguments).compile().cost_analysis()
            assert costs is not None  # CPUs have one
            yield Roofline(step, dim, costs["flops"] / n, costs["bytes accessed"] / n)


def _steps(layer: Layer, x: Any) -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    rotation: Any = layer.rotation  # of Haar: it has a matrix
    yield "product", lambda matrix, x: x @ matrix.T, (rotation.matrix, x)
    yield "forward", lambda layer, x: jax.vmap(layer.forward)(x), (layer, x)
    yield "fit", lambda key, x: LAYER.fit_through(key, x, len(x))[1:], (jax.random.key(0), x)


def lines(dims: tuple[int, ...], device: Device | None = None) -> Iterator[str]:
    """The rooflines as lines of text."""
    device = device or Device()
    yield (
        f"Haar + 32 bins, float32, a row: {device.name} with {device.flops / 1e12:.0f} TFLOP/s and "
        f"{device.bandwidth / 1e12:.2f} TB/s"
    )
    yield (
        f"  {'step':<9}{'D':>6}{'operations':>12}{'bytes':>10}{'operations/byte':>17}{'rows a second':>15}"
        + (f"{'of arithmetic':>15}{'of bandwidth':>14}")
    )
    for roofline in rooflines(dims):
        arithmetic, bandwidth = roofline.shares(device)
        yield (
            f"  {roofline.step:<9}{roofline.dim:>6}{roofline.flops:>12,.0f}{roofline.bytes:>10,.0f}"
            f"{roofline.flops / roofline.bytes:>17.1f}{1 / roofline.seconds(device):>15.2g}"
            f"{arithmetic:>15.0%}{bandwidth:>14.0%}"
        )
