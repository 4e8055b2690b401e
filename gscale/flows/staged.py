"""Layer-wise steps in stages on CPUs: mix the coordinates, fit the marginal with NumPy, map the rows.

A program that fits quantiles, by sorting or by counting, takes longer to compile than many fits take to run,
and XLA's sort on CPUs is ten times slower than NumPy's. So NumPy fits them between two small programs, on
rows in the memory of both. Other devices, traced rows and other marginals take one program.
"""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple, TypeGuard, cast

import jax
import numpy as np
from jax import Array

from gscale.bijections.base import Bijection
from gscale.bijections.by_column import map_columns
from gscale.flows.end_to_end import TrainedLayer, trained
from gscale.flows.fit_state import FitState, Losses, layer_key
from gscale.flows.flow import Layer, LayerSpec
from gscale.runtime import Program, compiler_options

_FEW_NUMBERS = 50_000  # in rows: their splines take a millisecond, or two

Run = Callable[..., Any]


def fits_on_host(marginal: Any, n_train: int) -> bool:
    """Whether NumPy fits a marginal to so many rows of a CPU."""
    known = hasattr(marginal, "fit_on_host") and marginal.fits_on_host(n_train)
    return known and jax.default_backend() == "cpu"


def is_staged(spec: Any, n_train: int, *arrays: Any) -> TypeGuard[LayerSpec]:
    """Whether layers of a spec are fitted to so many rows in stages: NumPy can, and no array is traced."""
    traced = any(isinstance(array, jax.core.Tracer) for array in arrays)
    return not traced and isinstance(spec, LayerSpec) and fits_on_host(spec.marginal, n_train)


class _Mixed(NamedTuple):
    """Rows of S seeds within a layer: (S, N + M, D), and log|det J| (S, N + M) up to there."""

    rotation: Bijection
    coupling: Bijection | None
    rows: Array
    log_det: Array
    before: Array  # (S, 2), of the layers before, as in a `FitState`


class StagedStart:
    """The state behind a marginal in front: called with keys (S,), rows (S, N, D) and test rows (S, M, D).

    Parameters
    ----------
    first : Spec
        The marginal, which `fits_on_host`.
    """

    def __init__(self, first: Any) -> None:
        self._first = first

    def __call__(self, keys: Any, x: Any, x_test: Any) -> tuple[FitState, Bijection, Losses]:
        return self._run(_mapping(x.shape[1], _effort(x.size)), keys, x, x_test)

    def compiled(self, effort: int, keys: Any, x: Any, x_test: Any) -> Run:
        """The function compiled for arguments of these shapes; see `gscale.runtime.compiler_options`."""
        n_test = 0 if x_test is None else x_test.shape[1]
        rows = jax.ShapeDtypeStruct((x.shape[0], x.shape[1] + n_test, x.shape[2]), x.dtype)
        return partial(self._run, _compiled_mapping(effort, self._first, rows, x.shape[1]))

    def _run(self, mapping: Run, keys: Any, x: Any, x_test: Any) -> tuple[FitState, Bijection, Losses]:
        rows = np.asarray(x)
        fitted = self._first.fit_on_host(rows)
        if x_test is not None:
            rows = np.concatenate([rows, np.asarray(x_test)], 1)
        nothing = np.zeros(rows.shape[:2], rows.dtype)
        state, marginal, losses = mapping(fitted, rows, nothing, np.zeros((len(rows), 2), rows.dtype))
        return state, marginal, losses


class StagedStep:
    """A layer of S seeds: called with keys (S,), a `FitState` of (S, N + M, D) rows and the layer's index.

    Returns the next state, and what is selected of the layer (S, …) and the losses (S,) behind it.

    Parameters
    ----------
    spec : LayerSpec
        With a marginal that `fits_on_host`.
    select : callable
        From a layer and losses; both, if not given.
    """

    def __init__(self, spec: LayerSpec, select: Callable[[Layer, Losses], Any] = lambda *both: both) -> None:
        self._spec, self._select = spec, select

    def __call__(self, keys: Any, state: FitState, index: Any) -> tuple[FitState, Any]:
        mapping = _mapping(state.n_train, _effort(state.n_train * state.z.shape[0] * state.z.shape[2]))
        return self._run(_mixing(self._spec), mapping, keys, state, index)

    def compiled(self, effort: int, keys: Any, state: Any, index: Any) -> Run:
        """The function compiled for arguments of these shapes; see `gscale.runtime.compiler_options`."""
        lowered = _mixing(self._spec).lower(keys, state, index)
        rows = jax.ShapeDtypeStruct(state.z.shape, state.z.dtype)
        mapping = _compiled_mapping(effort, self._spec.marginal, rows, state.n_train)
        return partial(self._run, lowered.compile(compiler_options=compiler_options(effort)), mapping)

    def _run(self, mixing: Run, mapping: Run, keys: Any, state: FitState, index: Any) -> tuple[FitState, Any]:
        n_train = state.n_train
        mixed = mixing(keys, state, index)
        marginal_spec: Any = self._spec.marginal
        fitted = marginal_spec.fit_on_host(np.asarray(mixed.rows)[:, :n_train])
        state, marginal, losses = mapping(fitted, mixed.rows, mixed.log_det, mixed.before)
        return state, self._select(Layer(mixed.rotation, marginal, mixed.coupling), losses)


class StagedTrainedStep:
    """A `StagedStep` whose layer is then trained, in a third program; it returns the state and the losses.

    Parameters
    ----------
    spec : TrainedLayer
        Of a `LayerSpec` with a marginal that `fits_on_host`.
    """

    def __init__(self, spec: TrainedLayer) -> None:
        self._spec = spec

    def compiled(self, effort: int, keys: Any, state: Any, index: Any) -> Run:
        """The function compiled for arguments of these shapes; see `gscale.runtime.compiler_options`."""
        options = compiler_options(effort)
        lowered = _mixing_to_train(self._spec).lower(keys, state, index)
        mixed = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), lowered.out_info)
        n_batch, _, dim = state.z.shape
        one_column = self._fitted(np.linspace(-1, 1, state.n_train, dtype=state.z.dtype)[None, :, None])
        marginal = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct((n_batch, a.shape[1], dim), a.dtype), one_column
        )
        layer = Layer(mixed.rotation, marginal, mixed.coupling)
        training = _training(self._spec).lower(keys, state, index, layer)
        return partial(
            self._run, lowered.compile(compiler_options=options), training.compile(compiler_options=options)
        )

    def _fitted(self, rows: np.ndarray) -> Bijection:
        """Marginals (S, …) of rows (S, N, D)."""
        layer: Any = self._spec.layer
        fitted = layer.marginal.fit_on_host(rows)
        split = jax.tree.map(lambda a: np.moveaxis(a.reshape(len(a), len(rows), -1), 1, 0), fitted)
        return cast(Bijection, split)

    def _run(
        self, mixing: Run, training: Run, keys: Any, state: FitState, index: Any
    ) -> tuple[FitState, Losses]:
        mixed = mixing(keys, state, index)
        layer = Layer(mixed.rotation, self._fitted(np.asarray(mixed.rows)), mixed.coupling)
        trained_state, losses = training(keys, state, index, layer)
        return trained_state, losses


@cache
def _mixing_to_train(spec: TrainedLayer) -> Program:
    def mix(key: Array, state: FitState, index: Array) -> _Mixed:
        fit_key = jax.random.split(layer_key(key, index))[0]  # as in TrainedLayer.fit
        train, _ = state.split(state.z)
        layer = cast(LayerSpec, spec.layer)
        return _Mixed(*layer.mix_through(fit_key, train, state.n_train), state.log_det)

    return Program(jax.vmap(mix, (0, 0, None)))


@cache
def _training(spec: TrainedLayer) -> Program:
    def train(key: Array, state: FitState, index: Array, layer: Any) -> tuple[FitState, Losses]:
        training_key = jax.random.split(layer_key(key, index))[1]
        rows, _ = state.split(state.z)
        state = state.push(trained(training_key, rows, layer, spec.training, spec.parts))
        return state, state.losses()

    return Program(jax.vmap(train, (0, 0, None, 0)), donate_argnums=1)


def _effort(n_numbers: int) -> int:
    """How hard to compile the map of rows of so many numbers for a fit of some dozen layers."""
    return 1 if n_numbers > _FEW_NUMBERS else 0


@cache
def _mixing(spec: LayerSpec) -> Program:
    def mix(key: Array, state: FitState, index: Array) -> _Mixed:
        return _Mixed(*spec.mix_through(layer_key(key, index), state.z, state.n_train), state.log_det)

    return Program(jax.vmap(mix, (0, 0, None)), donate_argnums=1)


@cache
def _mapping(n_train: int, effort: int) -> Program:
    def map_rows(
        fitted: Any, rows: Array, log_det: Array, before: Array
    ) -> tuple[FitState, Bijection, Losses]:
        marginals, images, of_marginal = map_columns(fitted, rows)

        def end(z: Array, log_det: Array, before: Array) -> tuple[FitState, Losses]:
            state = FitState(z, before, n_train).replace(z, log_det)
            return state, state.losses()

        state, losses = jax.vmap(end)(images, log_det + of_marginal, before)
        return state, marginals, losses

    return Program(map_rows, effort, donate_argnums=1)


def _compiled_mapping(effort: int, marginal: Any, rows: Any, n_train: int) -> Run:
    one_column = marginal.fit_on_host(np.linspace(-1, 1, n_train, dtype=rows.dtype)[:, None])
    leaves, structure = jax.tree.flatten(one_column)
    lengths = tuple(len(leaf) for leaf in leaves)
    return _compiled_for(max(effort, 1), rows.shape, rows.dtype, n_train, structure, lengths)


@lru_cache(maxsize=64)
def _compiled_for(
    effort: int, shape: tuple[int, ...], dtype: Any, n_train: int, structure: Any, lengths: tuple[int, ...]
) -> Run:
    n_batch, n_rows, dim = shape
    tables = [jax.ShapeDtypeStruct((length, n_batch * dim), dtype) for length in lengths]
    fitted = jax.tree.unflatten(structure, tables)
    rows = jax.ShapeDtypeStruct(shape, dtype)
    log_det, before = (jax.ShapeDtypeStruct((n_batch, n), dtype) for n in (n_rows, 2))
    lowered = _mapping(n_train, effort).lower(fitted, rows, log_det, before)
    compiled: Run = lowered.compile(compiler_options=compiler_options(effort))
    return compiled
