"""Generators by the suite's own flows: one a class, on principal components, with exact likelihood there."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gscale.bijections.conditioners import MLP
from gscale.bijections.coupling import Coupling
from gscale.bijections.marginals import Moments
from gscale.bijections.optimizer import Training
from gscale.bijections.rotations import Haar
from gscale.errors import InputError
from gscale.estimators import GaussianizationDensity
from gscale.flows.end_to_end import fit_end_to_end
from gscale.flows.flow import LayerSpec
from gscale.flows.layerwise import fit_layerwise
from gscale.images.network import SIDE


@dataclass(frozen=True)
class ByGaussianization:
    """Layers of rotations and marginals, as `GaussianizationDensity` fits them."""

    n_layers: int = 40

    def fit(self, seed: int, x: np.ndarray, n_rows: int) -> Any:
        """A density of rows x (N, D); it is the estimator that fills up few rows."""
        return GaussianizationDensity(n_layers=self.n_layers, random_state=seed).fit(x)

    def parts(self, density: Any) -> list[Any]:
        """What is kept of a density."""
        return [density.encoder_, density.flow_]


@dataclass(frozen=True)
class ByCoupling:
    """Affine couplings between random rotations, trained end to end."""

    n_layers: int = 6
    hidden: int = 64
    training: Training = field(default_factory=lambda: Training(n_steps=600, learning_rate=2e-3))

    def fit(self, seed: int, x: np.ndarray, n_rows: int) -> "CouplingDensity":
        """A density of rows x (N, D), filled up to as many as are given: they have one compiled program."""
        layer_key, key = jax.random.split(jax.random.key(seed))
        rows = jnp.asarray(x[filled(seed, len(x), n_rows, self.training)], jnp.float32)
        still = Coupling(conditioner=MLP(width=self.hidden), training=Training(n_steps=0))
        spec = LayerSpec(Haar(), Moments(), coupling=still)
        flow, _ = fit_layerwise(layer_key, rows, spec, n_layers=self.n_layers)
        return CouplingDensity(fit_end_to_end(key, rows, flow, self.training)[0])

    def parts(self, density: "CouplingDensity") -> list[Any]:
        """What is kept of a density."""
        return [density.flow]


@dataclass(frozen=True)
class CouplingDensity:
    """A flow with the methods of a density that are needed here."""

    flow: Any

    def sample(self, n: int, random_state: int) -> np.ndarray:
        """New rows (n, D)."""
        return np.asarray(self.flow.sample(jax.random.key(random_state), n))

    def score_samples(self, x: np.ndarray) -> np.ndarray:
        """Log-density (N,) in nats."""
        return np.asarray(jax.vmap(self.flow.log_prob)(jnp.asarray(x, jnp.float32)))


def filled(seed: int, n: int, n_rows: int, training: Training) -> np.ndarray:
    """Indices (n_rows,) of n rows, some repeated; none is both trained on and held out.

    Examples
    --------
    >>> training = Training(held_out=0.25)
    >>> trained, held = training.split(filled(0, 5, 20, training))
    >>> len(held), set(trained.tolist()) & set(held.tolist())
    (5, set())
    """
    order = np.random.default_rng(seed).permutation(n)
    trained, held = (np.asarray(part) for part in training.split(jnp.arange(n_rows)))
    n_held = max(1, round(n * len(held) / n_rows))
    index = np.empty(n_rows, int)
    index[held], index[trained] = (
        np.resize(order[:n_held], len(held)),
        np.resize(order[n_held:], len(trained)),
    )
    return index


class FlowGenerator(NamedTuple):
    """Principal axes (C, 784) about a mean, and a density of the coordinates for each class."""

    mean: np.ndarray
    axes: np.ndarray
    densities: tuple[Any, ...]

    def sample(self, seed: int, counts: int) -> np.ndarray:
        """New images (K · counts, 28, 28) from 0 to 1, class by class."""
        drawn = [density.sample(counts, random_state=seed + k) for k, density in enumerate(self.densities)]
        pixels = np.concatenate(drawn) @ self.axes + self.mean
        return np.clip(pixels, 0, 1).reshape(-1, SIDE, SIDE).astype(np.float32)

    def log_density(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Exact log-density (N,) of principal coordinates given the class, in nats; not of the pixels."""
        x = self.coordinates(images)
        found = np.empty(len(x))
        for k, density in enumerate(self.densities):
            if (labels == k).any():
                found[labels == k] = density.score_samples(x[labels == k])
        return found

    def coordinates(self, images: np.ndarray) -> np.ndarray:
        """Principal coordinates (N, C) of images."""
        found: np.ndarray = (images.reshape(len(images), -1) - self.mean) @ self.axes.T
        return found


def fit_flows(
    seed: int, images: np.ndarray, labels: np.ndarray, n_classes: int, spec: Any, components: int = 40
) -> FlowGenerator:
    """Fit a flow to the principal coordinates of each class's images.

    Raises
    ------
    InputError
        If a class has too few images.
    """
    counts = np.bincount(labels, minlength=n_classes)
    if counts.min() < 20:
        raise InputError(
            f"class {int(counts.argmin())} has {counts.min()} images: a flow needs 20; take another model"
        )
    flat = images.reshape(len(images), -1).astype(np.float64)
    mean = flat.mean(0)
    axes = np.linalg.eigh(np.cov(flat.T))[1][:, ::-1][:, :components].T
    coordinates = (flat - mean) @ axes.T
    densities = tuple(
        spec.fit(seed + k, coordinates[labels == k], int(counts.max())) for k in range(n_classes)
    )
    return FlowGenerator(mean, axes, densities)
