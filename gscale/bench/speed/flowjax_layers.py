"""The forward map of layers of flowjax, timed in the same rounds; it is the extra ``peers``."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from gscale.bijections.base import product
from gscale.bijections.rotations import Haar
from gscale.errors import InputError

_REACH = 6.0  # flowjax's splines are the identity beyond
_BINS = 32

PEERS = ("flowjax spline", "flowjax coupling")


def check_installed() -> None:
    """Refuse to time peers that are not installed.

    Raises
    ------
    InputError
        If flowjax is not installed.
    """
    if find_spec("flowjax") is None:
        raise InputError("peers are timed with flowjax, which is not installed: pip install 'gscale[peers]'")


def flowjax_calls(x: jax.Array) -> dict[str, tuple[Callable[[], Any], float]]:
    """Functions that compute log-densities of rows x (N, D), by name, with their number of layers.

    ``flowjax spline`` is like a layer of gscale: a rotation, then a rational-quadratic spline of 32 bins in
    each coordinate. ``flowjax coupling`` is a layer of its `coupling_flow` with splines of 8 bins from a
    network of its default size.
    """
    from flowjax.bijections import RationalQuadraticSpline, Vmap
    from flowjax.distributions import Normal
    from flowjax.flows import coupling_flow

    dim, normal = x.shape[1], Normal(jnp.zeros(x.shape[1]))
    each = eqx.filter_vmap(lambda _: RationalQuadraticSpline(knots=_BINS - 1, interval=_REACH))
    spline = Vmap(each(jnp.arange(dim)), in_axes=eqx.if_array(0))
    rotation = Haar().fit(jax.random.key(0), x).matrix
    coupling = coupling_flow(
        jax.random.key(1),
        base_dist=normal,
        transformer=RationalQuadraticSpline(knots=7, interval=_REACH),
        flow_layers=1,
    )

    def log_prob(spline: Any, point: jax.Array) -> jax.Array:
        z, log_det = spline.transform_and_log_det(product(rotation, point))
        return normal.log_prob(z) + log_det

    by_spline = eqx.filter_jit(lambda spline, x: jax.vmap(lambda point: log_prob(spline, point))(x))
    by_coupling = eqx.filter_jit(lambda flow, x: flow.log_prob(x))
    return {
        "flowjax spline": (lambda: by_spline(spline, x), 1),
        "flowjax coupling": (lambda: by_coupling(coupling, x), 1),
    }
