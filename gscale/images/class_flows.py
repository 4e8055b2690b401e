"""Generators by flows: one for each class, on principal components, with exact likelihood there."""

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
from gscale.flows.flow import Flow, LayerSpec
from gscale.flows.layerwise import fit_layerwise
from gscale.images.base import SIDE, LabelledImages

_FEWEST = 20  # images of a class that a flow is fitted to


@dataclass(frozen=True)
class ClassGaussianization:
    """Layers of rotations and marginals for each class, as `GaussianizationDensity` fits them."""

    n_layers: int = 40

    def fit(self, seed: int, x: np.ndarray, n_rows: int) -> GaussianizationDensity:
        """A density of rows x (N, D); the estimator itself adds to few rows."""
        return GaussianizationDensity(n_layers=self.n_layers, random_state=seed).fit(x)

    def content(self, density: GaussianizationDensity) -> list[Any]:
        """The maps of a density, to be saved."""
        return [density.encoder_, density.flow_]


@dataclass(frozen=True)
class ClassCoupling:
    """Affine couplings between random rotations for each class, trained end to end."""

    n_layers: int = 6
    hidden: int = 64
    training: Training = field(default_factory=lambda: Training(n_steps=600, learning_rate=2e-3))

    def fit(self, seed: int, x: np.ndarray, n_rows: int) -> "CouplingDensity":
        """A density of rows x (N, D), repeated up to a number of rows, for which one program is compiled."""
        layer_key, key = jax.random.split(jax.random.key(seed))
        rows = jnp.asarray(x[repeated_rows(seed, len(x), n_rows, self.training)], jnp.float32)
        untrained = Coupling(conditioner=MLP(width=self.hidden), training=Training(n_steps=0))
        spec = LayerSpec(Haar(), Moments(), coupling=untrained)
        flow, _ = fit_layerwise(layer_key, rows, spec, n_layers=self.n_layers)
        return CouplingDensity(fit_end_to_end(key, rows, flow, self.training)[0])

    def content(self, density: "CouplingDensity") -> list[Any]:
        """The maps of a density, to be saved."""
        return [density.flow]


@dataclass(frozen=True)
class CouplingDensity:
    """A flow with the methods of a density that are needed here."""

    flow: Flow

    def sample(self, n: int, random_state: int) -> np.ndarray:
        """New rows (n, D)."""
        return np.asarray(self.flow.sample(jax.random.key(random_state), n))

    def score_samples(self, x: np.ndarray) -> np.ndarray:
        """Log-density (N,) in nats."""
        return np.asarray(jax.vmap(self.flow.log_prob)(jnp.asarray(x, jnp.float32)))


def repeated_rows(seed: int, n: int, n_rows: int, training: Training) -> np.ndarray:
    """Indices (n_rows,) of n rows, some repeated; none is both trained on and held out.

    Examples
    --------
    >>> training = Training(held_out=0.25)
    >>> trained, held = training.split(repeated_rows(0, 5, 20, training))
    >>> len(held), set(trained.tolist()) & set(held.tolist())
    (5, set())
    """
    order = np.random.default_rng(seed).permutation(n)
    trained, held = (np.asarray(part) for part in training.split(jnp.arange(n_rows)))
    n_held = max(1, round(n * len(held) / n_rows))
    index = np.empty(n_rows, int)
    index[held] = np.resize(order[:n_held], len(held))
    index[trained] = np.resize(order[n_held:], len(trained))
    return index


class FlowGenerator(NamedTuple):
    """Principal axes (C, 784) about a mean (784,), and a density of the coordinates for each class."""

    mean: np.ndarray
    axes: np.ndarray
    densities: list[Any]

    def sample(self, seed: int, count: int) -> np.ndarray:
        """New images (K · count, 28, 28) from 0 to 1, class by class."""
        rows = [density.sample(count, random_state=seed + k) for k, density in enumerate(self.densities)]
        pixels = np.concatenate(rows) @ self.axes + self.mean
        return np.clip(pixels, 0, 1).reshape(-1, SIDE, SIDE).astype(np.float32)

    def log_density(self, labelled: LabelledImages) -> np.ndarray:
        """Exact log-density (N,) of principal coordinates given the class, in nats; not of the pixels."""
        x, labels = self.coordinates(labelled.images), labelled.labels
        log_densities = np.empty(len(x))
        for k in np.unique(labels):
            log_densities[labels == k] = self.densities[k].score_samples(x[labels == k])
        return log_densities

    def coordinates(self, images: np.ndarray) -> np.ndarray:
        """Principal coordinates (N, C) of images (N, 28, 28)."""
        return np.asarray((images.reshape(len(images), -1) - self.mean) @ self.axes.T)


def fit_flows(
    seed: int, labelled: LabelledImages, spec: ClassGaussianization | ClassCoupling, n_axes: int = 40
) -> FlowGenerator:
    """Fit a flow to the principal coordinates of each class's images.

    Parameters
    ----------
    seed : int
        That of the first class; the next one's is by 1 greater.
    labelled : LabelledImages
    spec : ClassGaussianization or ClassCoupling
    n_axes : int
        Principal axes C.

    Raises
    ------
    InputError
        If a class has too few images.
    """
    counts = labelled.counts
    if counts.min() < _FEWEST:
        raise InputError(
            f"class {counts.argmin()} has {counts.min()} images: a flow needs {_FEWEST}; take another model"
        )
    flat = labelled.images.reshape(len(labelled.images), -1).astype(np.float64)
    mean = flat.mean(0)
    axes = np.linalg.eigh(np.cov(flat.T))[1][:, ::-1][:, :n_axes].T
    coordinates, n_rows = (flat - mean) @ axes.T, int(counts.max())
    densities = [spec.fit(seed + k, coordinates[labelled.labels == k], n_rows) for k in range(len(counts))]
    return FlowGenerator(mean, axes, densities)
