"""Layer-wise fits of flows."""

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gscale.bijections.base import Bijection, Spec
from gscale.bijections.by_column import fit_through
from gscale.flows.fit_state import FitState as FitState, Losses as Losses, layer_key
from gscale.flows.flow import Flow, LayerSpec
from gscale.flows.staged import StagedStart, StagedStep, fits_on_host, is_staged
from gscale.flows.stopping import History, Stopping
from gscale.runtime import lapack_on_one_thread
from gscale.validation import check_at_least, check_rows


def start(
    key: Array, x: Array, x_test: Array | None, first: Spec | None
) -> tuple[FitState, Bijection | None]:
    """The state before the first layer of rows x (N, D) and x_test (M, D), behind a map in front, if any."""
    rows = x if x_test is None else jnp.concatenate([x, x_test])
    state = FitState(rows, jnp.zeros(2, x.dtype), x.shape[0])
    if first is None:
        return state, None
    bijection, z, log_det = fit_through(first, jax.random.fold_in(key, 0), rows, x.shape[0])
    return state.replace(z, log_det), bijection


def add_layer(key: Array, state: FitState, spec: Spec, index: Array) -> tuple[FitState, Bijection]:
    """Fit layer ``index`` (from 0) to the training images and map all images by it.

    The layer's key depends on ``key`` and ``index`` alone: a deeper fit has the same first layers.
    """
    if isinstance(spec, LayerSpec):
        layer, z, log_det = spec.fit_through(layer_key(key, index), state.z, state.n_train)
        return state.replace(z, log_det), layer
    train, _ = state.split(state.z)
    bijection = spec.fit(layer_key(key, index), train)
    return state.push(bijection), bijection


def fit_layerwise(
    key: Array,
    x: Array,
    spec: Spec,
    n_layers: int,
    *,
    x_test: Array | None = None,
    first: Spec | None = None,
    stopping: Stopping | None = None,
) -> tuple[Flow, Losses]:
    """Gaussianize: fit a layer, map the rows by it, and repeat; no loss is minimised.

    Parameters
    ----------
    key : Array
        Random key.
    x : Array, shape (N, D)
        Training rows, at least 2, finite, no constant column.
    spec : Spec
        The layer, such as ``LayerSpec(Haar(), Quantiles())``.
    n_layers : int
        Number of layers L, at least 1; with a stopping rule, L at most.
    x_test : Array, shape (M, D), optional
        Rows to measure the test loss on; the training rows where absent.
    first : Spec, optional
        A marginal to fit in front of the first layer.
    stopping : Stopping, optional
        A rule that ends the fit early, `InformationCriterion` or `EarlyStopping`.

    Returns
    -------
    flow : Flow
    losses : Losses, each shape (L + 1,)
        Negative log-likelihood in nats with 0, 1, …, L layers.

    Raises
    ------
    InputError
        If ``n_layers`` is below 1, or x has fewer than 2 rows, NaN, infinity or a constant column; or if the
        rule lacks test rows or the marginal's number of parameters.
    FloatingPointError
        If, with a stopping rule, a loss is not finite.

    References
    ----------
    Chen and Gopinath, "Gaussianization", NeurIPS 2000; Laparra et al., "Iterative Gaussianization",
    IEEE Transactions on Neural Networks 22 (2011).

    Examples
    --------
    >>> from gscale import Haar, LayerSpec, Quantiles
    >>> s = jax.random.laplace(jax.random.key(0), (2000, 2))
    >>> x = s @ jnp.array([[1.0, 0.8], [0.0, 0.6]])
    >>> flow, losses = fit_layerwise(jax.random.key(1), x, LayerSpec(Haar(), Quantiles()), 10)
    >>> losses.train.shape, bool(losses.train[-1] < losses.train[0])
    ((11,), True)
    """
    check_at_least(1, {"n_layers": n_layers})
    check_rows(x, "x")
    # jnp.asarray would take the rows' memory twice
    x = x if isinstance(x, Array) else jax.device_put(np.asarray(x))
    x_test = None if x_test is None else jnp.asarray(x_test, x.dtype)
    with lapack_on_one_thread():
        if stopping is not None:
            return _fit_until(key, x, x_test, spec, first, n_layers, stopping)
        if is_staged(spec, len(x), key, x, x_test):
            return _fit_staged(key, x, x_test, spec, first, n_layers)
        return jax.block_until_ready(_fit_layerwise(key, x, x_test, spec, first, n_layers))


@eqx.filter_jit
def _fit_layerwise(
    key: Array, x: Array, x_test: Array | None, spec: Spec, first: Spec | None, n_layers: int
) -> tuple[Flow, Losses]:
    initial, first_map = start(key, x, x_test, first)

    def step(state: FitState, index: Array) -> tuple[FitState, tuple[Bijection, Losses]]:
        state, layer = add_layer(key, state, spec, index)
        return state, (layer, state.losses())

    _, (layers, later) = lax.scan(step, initial, jnp.arange(n_layers))
    losses = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), initial.losses(), later)
    return Flow(layers, first_map, x.shape[-1]), losses


def _fit_staged(
    key: Array, x: Array, x_test: Array | None, spec: Spec, first: Spec | None, n_layers: int
) -> tuple[Flow, Losses]:
    first_map, losses, steps = _start(key, x, x_test, spec, first)
    layers, later = zip(*islice(steps, n_layers), strict=True)
    return Flow(_stacked(layers), first_map, x.shape[-1]), _stacked([losses, *later])


def _fit_until(
    key: Array,
    x: Array,
    x_test: Array | None,
    spec: Spec,
    first: Spec | None,
    n_layers: int,
    stopping: Stopping,
) -> tuple[Flow, Losses]:
    first_map, losses, steps = _start(key, x, x_test, spec, first)
    curve, layers = [losses], list[Bijection]()
    for layer, losses in islice(steps, n_layers):
        layers.append(layer)
        curve.append(losses)
        train, test = _finite_losses(curve)
        marginal = getattr(spec, "marginal", spec)
        history = History(train, None if x_test is None else test, marginal, x.shape[1], x.shape[0])
        if stopping.ended(history):
            break
    depth = stopping.n_layers_to_keep(history)
    kept = jax.tree.map(lambda leaf: leaf[:depth], _stacked(layers))
    return Flow(kept, first_map, x.shape[-1]), _stacked(curve[: depth + 1])


def _stacked(trees: Sequence[Any]) -> Any:
    """Trees of arrays as one, with a leading axis; by NumPy, which compiles nothing."""
    return jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *trees)


def _finite_losses(curve: list[Losses]) -> np.ndarray:
    losses = np.array(curve, float)
    if not np.isfinite(losses).all():
        n_layers = int(np.argmin(np.isfinite(losses).all(1)))
        train, test = losses[n_layers]
        raise FloatingPointError(f"loss is {train}, on test rows {test}, with {n_layers} layers")
    return losses.T


def _start(
    key: Array, x: Array, x_test: Array | None, spec: Spec, first: Spec | None
) -> tuple[Bijection | None, Losses, Iterator[tuple[Bijection, Losses]]]:
    """The map in front, the losses behind it, and the layers with theirs, one after the other."""
    if first is not None and fits_on_host(first, len(x)):
        test = None if x_test is None else np.asarray(x_test)[None]
        state, *fitted = StagedStart(first)(key, np.asarray(x)[None], test)
        first_map, losses = map(_only, fitted)
        first_map = jax.tree.map(jnp.asarray, first_map)
    else:
        state, first_map, losses = _start_in_one(key, x, x_test, first)
        state = jax.tree.map(lambda a: a[None], state)
    if is_staged(spec, len(x)):
        return first_map, losses, _staged_layers(key, state, spec)
    return first_map, losses, _layers(key, jax.tree.map(lambda a: a[0], state), spec)


def _staged_layers(key: Array, state: FitState, spec: LayerSpec) -> Iterator[tuple[Bijection, Losses]]:
    step, keys = StagedStep(spec), key[None]
    for index in count():
        state, (layer, losses) = step(keys, state, np.int32(index))
        yield _only(layer), _only(losses)


def _layers(key: Array, state: FitState, spec: Spec) -> Iterator[tuple[Bijection, Losses]]:
    for index in count():
        state, layer, losses = _add_in_one(key, state, spec, jnp.asarray(index))
        yield layer, losses


def _only(tree: Any) -> Any:
    """The arrays of a batch of one, as NumPy sees them."""
    return jax.tree.map(lambda a: np.asarray(a)[0], tree)


@eqx.filter_jit
def _start_in_one(
    key: Array, x: Array, x_test: Array | None, first: Spec | None
) -> tuple[FitState, Bijection | None, Losses]:
    state, bijection = start(key, x, x_test, first)
    return state, bijection, state.losses()


@eqx.filter_jit
def _add_in_one(key: Array, state: FitState, spec: Spec, index: Array) -> tuple[FitState, Bijection, Losses]:
    state, layer = add_layer(key, state, spec, index)
    return state, layer, state.losses()
