"""Every program of the sweeps and the estimators lowers for GPUs and TPUs, with no call back to the host."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from gscale.bench.catalog import load_sweeps
from gscale.bench.measure import timing
from gscale.bijections.marginals import Quantiles as QuantilesSpec

PLATFORMS = ["cuda", "tpu"]
CALLBACKS = ("callback", "python")  # in the targets of custom calls


def lowered(function, *arguments):
    """The program as exported for both platforms."""
    return jax.export.export(jax.jit(function), platforms=PLATFORMS)(*arguments).mlir_module()


def check(program):
    calls = [line for line in program.splitlines() if "custom_call" in line]
    assert not [line for line in calls if any(word in line for word in CALLBACKS)]


def one_of_each_kind():
    """Cells of the ci profile: one of each sweep, layer and way of training."""
    cells = {}
    for sweep in load_sweeps().values():
        for cell in sweep.cells("ci", n_seeds=2):
            cells.setdefault((sweep.name, cell.layer, cell.training), cell)
    return [pytest.param(cell, id=f"{name}-{i}") for i, ((name, *_), cell) in enumerate(cells.items())]


@pytest.mark.long
@pytest.mark.parametrize("cell", one_of_each_kind())
def test_programs_of_a_sweep(cell, monkeypatch):
    """What a cell compiles is lowered instead, and zeros are what it returns."""
    programs = []

    def lower(function, _effort, structure, types):
        leaves = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in types]
        shapes = jax.tree.unflatten(structure, leaves)
        programs.append(lowered(lambda *args: eqx.filter(function(*args), eqx.is_array), *shapes))
        out = jax.eval_shape(function, *shapes)
        return lambda *_: jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), out), 0.0

    monkeypatch.setattr(timing, "_compiled_for", lower)
    monkeypatch.setattr(QuantilesSpec, "fits_on_host", False)  # as on such a device
    with jax.enable_x64(cell.dtype == "float64"):
        cell.training.curves(cell, lambda _: None, lambda _: None)
    if cell.training.kind != "construction":  # whose couplings are a function of their own
        assert programs
    for program in programs:
        check(program)
