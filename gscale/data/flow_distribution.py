"""A flow fitted to a data set, as a data set: any number of realistic rows, with their exact log-density."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from gscale.bijections.marginals import Quantiles
from gscale.bijections.rotations import Haar
from gscale.data.base import Rows, Source, check_dim
from gscale.errors import InputError
from gscale.flows.flow import Flow, LayerSpec
from gscale.flows.layerwise import fit_layerwise
from gscale.flows.serialisation import check_ending, digest, load_flow, save_flow
from gscale.metrics import normal_log_prob

_BATCH = 4096


@dataclass(frozen=True)
class ModelDistribution:
    """The distribution of a flow in a file; made by `model_of` or `open_model`.

    The loss of another flow on it is a true KL, and there is no limit to its rows: the paper's EMNIST model.

    References
    ----------
    Draxler et al., "On the convergence rate of Gaussianization with random rotations", ICML 2023.
    """

    name: str
    digest: str
    path: Path = field(repr=False, compare=False)

    @property
    def max_dim(self) -> int:
        return self.flow.dim

    @property
    def flow(self) -> Flow:
        """The flow, read from its file."""
        return _flow(self.path, self.digest)

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_dim(self, dim)
        if dim != self.flow.dim:
            raise InputError(f"dim is {dim}: {self!r} is a model of D = {self.flow.dim} and of no other")

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        self.check(dim, n_train, n_test)
        flow = jax.tree.map(
            lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, self.flow
        )
        train_key, test_key = jax.random.split(key)
        (train, log_prob_train), (test, log_prob_test) = (
            _draw(flow, key, n) for key, n in ((train_key, n_train), (test_key, n_test))
        )
        return Rows(train, test, log_prob_train, log_prob_test)


def model_of(
    path: Path | str,
    source: Source,
    dim: int,
    n_samples: int,
    n_layers: int = 64,
    spec: LayerSpec | None = None,
) -> ModelDistribution:
    """Fit a flow layer by layer to rows of a source, save it, and return its distribution.

    Parameters
    ----------
    path : Path or str
        The file, a .safetensors.
    source : Source
        Where the rows come from.
    dim, n_samples, n_layers : int
        D, the rows N fitted to, and the layers L.
    spec : LayerSpec, optional
        The layer; random rotations and quantiles where absent.

    Raises
    ------
    InputError
        If the source has fewer rows or columns, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from gscale import Digits, Moments
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spec = LayerSpec(Haar(), Moments())
    ...     model = model_of(f"{folder}/digits.safetensors", Digits(), 4, 1000, n_layers=8, spec=spec)
    ...     rows = model.sample(jax.random.key(0), 4, 5000, 10, "float32")
    >>> rows.train.shape, rows.log_prob_train.shape
    ((5000, 4), (5000,))
    """
    path = Path(path)
    check_ending(path)
    data_key, fit_key = jax.random.split(jax.random.key(0))
    source.check(dim, n_samples, 2)
    x = jnp.asarray(source.sample(data_key, dim, n_samples, 2, "float32").train)
    spec = spec or LayerSpec(Haar(), Quantiles(n_bins=32))
    flow, _ = fit_layerwise(fit_key, x, spec, n_layers, first=spec.marginal)
    save_flow(path, flow)
    return open_model(path)


def open_model(path: Path | str) -> ModelDistribution:
    """The distribution of a flow that `model_of` or `save_flow` wrote.

    Raises
    ------
    InputError
        If the file is no such flow.
    """
    path = Path(path).absolute()
    load_flow(path)
    return ModelDistribution(path.name, digest(path), path)


@lru_cache(maxsize=4)
def _flow(path: Path, expected: str) -> Flow:
    flow = load_flow(path)
    if digest(path) != expected:
        raise InputError(f"{path.name} has changed since it was opened: open it again")
    return flow


@eqx.filter_jit
def _draw(flow: Flow, key: Array, n: int) -> tuple[Array, Array]:
    dtype = jnp.result_type(*jax.tree.leaves(eqx.filter(flow, eqx.is_inexact_array)))
    z = jax.random.normal(key, (n, flow.dim), dtype)
    x, log_det = jax.lax.map(flow.inverse, z, batch_size=_BATCH)
    return x, normal_log_prob(z) - log_det
