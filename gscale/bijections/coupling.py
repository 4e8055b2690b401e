"""Layers in which one part of the coordinates conditions the other."""

from collections.abc import Callable
from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from gscale.bijections.base import product
from gscale.bijections.conditioners import MLP, Conditioner, Network
from gscale.bijections.elementwise import AffineMap
from gscale.bijections.marginals import Moments
from gscale.bijections.optimizer import Training
from gscale.bijections.transformers import AffineTransformer, Transformer
from gscale.errors import InputError
from gscale.validation import check_at_least

Transform = Callable[[Array, Array], tuple[Array, Array]]


class AffineCouplingMap(eqx.Module):
    """An affine coupling with a linear conditioner: y_a = scale · x_a + T x_p + shift, y_p = x_p.

    The active coordinates a are those from ``start`` to ``stop``, the passive ones p all others.

    Parameters
    ----------
    matrix : Array, shape (D_a, D_p)
        The conditioner T.
    log_scale, shift : Array, shape (D_a,)
    start, stop : int
        Bounds of the active coordinates.

    Examples
    --------
    >>> coupling = AffineCouplingMap(jnp.array([[2.0]]), jnp.zeros(1), jnp.zeros(1), start=1, stop=2)
    >>> y, log_det = coupling.forward(jnp.array([1.0, 5.0]))
    >>> y.tolist(), coupling.inverse(y)[0].tolist()
    ([1.0, 7.0], [1.0, 5.0])
    """

    matrix: Array
    log_scale: Array
    shift: Array
    start: int = eqx.field(static=True)
    stop: int = eqx.field(static=True)

    def forward(self, x: Array) -> tuple[Array, Array]:
        active, passive = self.split(x)
        y = active * jnp.exp(self.log_scale) + self._conditioned(passive)
        return self._join(y, x), self.log_scale.sum()

    def inverse(self, y: Array) -> tuple[Array, Array]:
        active, passive = self.split(y)
        x = (active - self._conditioned(passive)) * jnp.exp(-self.log_scale)
        return self._join(x, y), -self.log_scale.sum()

    def split(self, x: Array) -> tuple[Array, Array]:
        """Active and passive coordinates of x (…, D)."""
        return _split(x, self.start, self.stop)

    def _conditioned(self, passive: Array) -> Array:
        return product(self.matrix, passive) + self.shift

    def _join(self, active: Array, x: Array) -> Array:
        return _join(active, x, self.start)


class CouplingMap(eqx.Module):
    """A coupling whose network takes the parameters for active coordinates from the passive ones.

    In the units (u − shift) / scale of each coordinate, y_a = T(x_a; θ(x_p)) and y_p = x_p. The units are
    not trained: no gradient reaches them.

    Parameters
    ----------
    network : Network
        θ: the D_p passive coordinates to P · D_a parameters.
    units : AffineMap
        Shift and scale (D,) of the coordinates.
    transformer : Transformer
        T, with P parameters a coordinate.
    start, stop : int
        Bounds of the active coordinates.

    Examples
    --------
    >>> from gscale.bijections.conditioners import LinearMap
    >>> network = LinearMap(jnp.array([[0.0], [2.0]]), jnp.zeros(2))
    >>> units = AffineMap(jnp.zeros(2), jnp.ones(2))
    >>> coupling = CouplingMap(network, units, AffineTransformer(), start=1, stop=2)
    >>> y, log_det = coupling.forward(jnp.array([1.0, 5.0]))
    >>> y.tolist(), coupling.inverse(y)[0].tolist()
    ([1.0, 7.0], [1.0, 5.0])
    """

    network: Network
    units: AffineMap
    transformer: Transformer = eqx.field(static=True)
    start: int = eqx.field(static=True)
    stop: int = eqx.field(static=True)

    def forward(self, x: Array) -> tuple[Array, Array]:
        return self._apply(self.transformer.forward, x)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return self._apply(self.transformer.inverse, y)

    def _apply(self, transform: Transform, x: Array) -> tuple[Array, Array]:
        # Units are of the rows; trained along with the network, a scale could be driven to zero.
        units = lax.stop_gradient(self.units)
        active, passive = _split(units.forward(x)[0], self.start, self.stop)
        parameters = _parameters(self.network, self.transformer, passive)
        y, log_det = transform(parameters, active)
        # Only active coordinates return to their units: passive ones stay the same to the bit.
        inside = slice(self.start, self.stop)
        return _join(y * units.scale[inside] + units.shift[inside], x, self.start), log_det


@dataclass(frozen=True)
class LinearCoupling:
    """Subtract from one half of the coordinates its linear regression on the other.

    All that an affine coupling can do to a Gaussian but for scales, which the marginal behind it sets. The
    active half is the first ⌊D/2⌋ coordinates, or ``n_active`` of them.

    Parameters
    ----------
    n_active : int or None
        Active coordinates D_a; ⌊D/2⌋ where None.

    Raises
    ------
    InputError
        If ``n_active`` is below 1, or at fitting if D is below 2 or no coordinate is passive.

    Examples
    --------
    >>> x = jnp.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [0.0, 1.0]])
    >>> coupling = LinearCoupling().fit(None, x)
    >>> round(float(coupling.matrix[0, 0]), 4)
    -1.1667
    """

    n_active: int | None = None

    def __post_init__(self) -> None:
        if self.n_active is not None:
            check_at_least(1, {"n_active": self.n_active})

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse dimensions that leave no coordinate active or none passive."""
        _count_active(dim, self.n_active)

    def fit(self, key: Array | None, x: Array) -> AffineCouplingMap:
        """Regress on the rows of x (N, D) by least squares; the key is not used."""
        n_active = _count_active(x.shape[1], self.n_active)
        mean = x.mean(0)
        active, passive = jnp.split(x - mean[None], [n_active], axis=1)
        weights = jnp.linalg.lstsq(passive, active)[0].T
        shift = product(weights, mean[n_active:])
        return AffineCouplingMap(-weights, jnp.zeros(n_active, x.dtype), shift, 0, n_active)


@dataclass(frozen=True)
class Coupling:
    """Make one part of the coordinates normal given the others, with a trained network.

    The network's parameters minimise the mean of ½ |y_a|² − log|det J| over the rows: the negative
    log-likelihood, up to a constant, of the active image y_a under N(0, I), both in units of the rows' mean
    and standard deviation. Like `LinearCoupling`, it leaves the units of the rows as they are: the marginal
    behind it sets scales. The active part is the first ⌊D/2⌋ coordinates, or ``n_active`` of them.

    For an affine transformer and a linear conditioner there is the closed form `LinearCoupling`; with
    ``Linear()`` training starts from it and adds scales that depend on the passive part.

    Parameters
    ----------
    transformer : Transformer
        The map of each active coordinate: `AffineTransformer` or `SplineTransformer`.
    conditioner : Conditioner
        Which network takes its parameters from the passive ones: `MLP` or `Linear`.
    n_active : int or None
        Active coordinates D_a; ⌊D/2⌋ where None.
    training : Training
        How the network is trained.

    Raises
    ------
    InputError
        If ``n_active`` is below 1, or at fitting if D is below 2 or no coordinate is passive.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017. Durkan et al., "Neural
    spline flows", NeurIPS 2019.

    Examples
    --------
    A parabola with noise, which has no linear regression to subtract:

    >>> passive, noise = jax.random.normal(jax.random.key(0), (2, 2000))
    >>> x = jnp.stack([passive**2 + 0.5 * noise, passive], axis=1)
    >>> coupling = Coupling().fit(jax.random.key(1), x)
    >>> y, _ = jax.vmap(coupling.forward)(x)
    >>> before, after = (jnp.corrcoef(rows[:, 0], passive**2)[0, 1] for rows in (x, y))
    >>> bool(before > 0.9), bool(abs(after) < 0.1)
    (True, True)
    """

    transformer: Transformer = field(default_factory=AffineTransformer)
    conditioner: Conditioner = field(default_factory=MLP)
    n_active: int | None = None
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.n_active is not None:
            check_at_least(1, {"n_active": self.n_active})

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse dimensions that leave no coordinate active or none passive."""
        _count_active(dim, self.n_active)

    @eqx.filter_jit
    def fit(self, key: Array, x: Array) -> CouplingMap:
        """Train on the rows of x (N, D)."""
        n_active = _count_active(x.shape[1], self.n_active)
        start_key, training_key = jax.random.split(key)
        units = Moments().fit(start_key, x)
        rows, _ = jax.vmap(units.forward)(x)
        active, passive = _split(rows, 0, n_active)
        targets = jax.vmap(self.transformer.targets)(active).reshape(x.shape[0], -1)
        start = self.conditioner.start(start_key, passive, targets)

        def loss_of_one(network: Network, row: Array) -> Array:
            parameters = _parameters(network, self.transformer, row[n_active:])
            y, log_det = self.transformer.forward(parameters, row[:n_active])
            return 0.5 * (y**2).sum() - log_det

        def loss(network: Network, rows: Array) -> Array:
            return jax.vmap(loss_of_one, (None, 0))(network, rows).mean()

        network = self.training.minimise(training_key, loss, start, rows)
        return CouplingMap(network, units, self.transformer, 0, n_active)


def _count_active(dim: int, n_active: int | None) -> int:
    if dim < 2:
        raise InputError(f"dim is {dim}: a coupling needs at least 2 coordinates")
    n_active = dim // 2 if n_active is None else n_active
    if n_active >= dim:
        raise InputError(f"n_active is {n_active}: of D = {dim} coordinates at least 1 is passive")
    return n_active


def _parameters(network: Network, transformer: Transformer, passive: Array) -> Array:
    return network(passive).reshape(transformer.n_parameters, -1)


def _split(x: Array, start: int, stop: int) -> tuple[Array, Array]:
    return x[..., start:stop], jnp.concatenate([x[..., :start], x[..., stop:]], -1)


def _join(active: Array, x: Array, start: int) -> Array:
    """The point x (D,) with other active coordinates (D_a,) from ``start`` on."""
    return jnp.concatenate([x[:start], active, x[start + active.shape[0] :]])
