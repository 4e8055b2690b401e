"""A classifier of small images: recipes, calibrated probabilities."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.errors import InputError
from gscale.flows.end_to_end import Keeper
from gscale.images.augmentation import Augmentation
from gscale.images.image_training import EpochProgress, ImageTraining, OneCycle, Rows, Trained, train
from gscale.images.network import ConvNet, ConvNetSpec

_BLOCK = 500  # images at a time where there are many
_TEMPERATURES = np.geomspace(0.25, 4.0, 97)


@dataclass(frozen=True)
class Recipe:
    """How a classifier is made of labelled images.

    Parameters
    ----------
    network : ConvNetSpec
    augmentation : Augmentation
        Of each image, each time that it is seen.
    training : Training
    smoothing : float
        Share of a label that is spread over all classes.
    views : int
        Copies of an image, shifted by up to one pixel, whose probabilities are averaged: 1, 5 or 9.
    """

    network: ConvNetSpec = field(default_factory=ConvNetSpec)
    augmentation: Augmentation = field(default_factory=Augmentation)
    training: ImageTraining = field(default_factory=ImageTraining)
    smoothing: float = 0.0
    views: int = 1

    def __post_init__(self) -> None:
        if self.views not in (1, 5, 9):
            raise InputError(f"{self.views} views of an image: choose 1, 5 or 9")
        if not 0 <= self.smoothing < 1:
            raise InputError(f"smoothing {self.smoothing}: a share from 0 to below 1")

    def loss(self, model: ConvNet, key: Array, rows: Rows) -> tuple[Array, Array]:
        """Cross-entropy in nats on augmented images; the measures are this and accuracy."""
        images, labels = rows
        change_key, drop_key = jax.random.split(key)
        logits = model.dropped(drop_key, self.augmentation(change_key, images))
        likely = jax.nn.log_softmax(logits)
        of_label = jnp.take_along_axis(likely, labels[:, None], 1)[:, 0]
        value = -((1 - self.smoothing) * of_label + self.smoothing * likely.mean(1)).mean()
        return value, jnp.stack([value, (logits.argmax(1) == labels).mean()])

    def measures(self, model: ConvNet, key: Array, rows: Rows) -> Array:
        """Cross-entropy and accuracy of images as they are."""
        images, labels = rows
        likely = jax.nn.log_softmax(model(images))
        value = -jnp.take_along_axis(likely, labels[:, None], 1).mean()
        return jnp.stack([value, (likely.argmax(1) == labels).mean()])


# At a steady rate of 1e-3 the accuracy of the last epochs goes up and down by percents, as fives turn into
# mirrored twos and back.
REFERENCE = Recipe(
    augmentation=Augmentation(rotation=10, zoom=0.1, flip=0.5), training=ImageTraining(learning_rate=3e-4)
)
DEFAULT = Recipe(
    network=ConvNetSpec((32, 64, 96), 256, dropout=0.3),
    augmentation=Augmentation(rotation=15, zoom=0.15, shift=2, shear=0.2, elastic=1.0),
    training=ImageTraining(epochs=40, batch=32, learning_rate=3e-3, rate=OneCycle(), averaging=0.99),
    smoothing=0.02,
)


class Classifier(eqx.Module):
    """A network, and a temperature that calibrates its probabilities."""

    network: ConvNet
    temperature: float = eqx.field(static=True)
    views: int = eqx.field(static=True)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (N, K) of images (N, 28, 28)."""
        return _tempered(_likely(self.network, images, self.views), self.temperature)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Outputs (N, F) of the network's dense layer."""
        return np.concatenate([np.asarray(_features(self.network, part)) for part in _blocks(images)])


class Fitted(NamedTuple):
    """A classifier of all images, and the training on some that its temperature was found by.

    ``predicted`` and ``true`` (M,) are the classes of the others, which that training was validated by.
    """

    classifier: Classifier
    training: Trained
    tuning: Trained | None
    predicted: np.ndarray
    true: np.ndarray


def fit_classifier(
    key: Array,
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Recipe = DEFAULT,
    validation: float = 0.2,
    keep: Callable[[str], Keeper | None] = lambda _: None,
    report: Callable[[str, EpochProgress], None] = lambda *_: None,
) -> Fitted:
    """Train a classifier: on some rows, to see how good and how sure it is on the others, then on all.

    Parameters
    ----------
    key : Array
        Random key; the same key, images and recipe make the same classifier, bit by bit.
    images : ndarray, shape (N, 28, 28)
        From 0 to 1.
    labels : ndarray of int, shape (N,)
        From 0 to K - 1, each at least twice.
    recipe : Recipe, optional
    validation : float
        Share of each class for validation; 0 for none, and a temperature of 1.
    keep : callable, optional
        Where to keep the training called "tuning" or "training", so that it goes on after a kill.
    report : callable, optional
        Told which of the two goes on, and how far it is.
    """
    tuning_key, split_key, key = jax.random.split(key, 3)
    tuning, temperature, predicted = None, 1.0, np.array([], int)
    held = np.zeros(len(labels), bool)
    if validation:
        held = validation_rows(split_key, labels, validation)
        rest, others = (images[~held], labels[~held]), (images[held], labels[held])
        tuning = _trained(
            tuning_key, rest, others, recipe, keep("tuning"), lambda told: report("tuning", told)
        )
        likely = _likely(tuning.model, images[held], recipe.views)
        temperature, predicted = best_temperature(likely, labels[held]), likely.argmax(1)
    none = (images[:0], labels[:0])
    training = _trained(
        key, (images, labels), none, recipe, keep("training"), lambda told: report("training", told)
    )
    found = Classifier(training.model, temperature, recipe.views)
    return Fitted(found, training, tuning, predicted, labels[held])


def cross_validated(
    key: Array,
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Recipe,
    n_folds: int,
    report: Callable[[str, EpochProgress], None] = lambda *_: None,
) -> np.ndarray:
    """Accuracies (n_folds,) on parts of the images, each of all classes, of classifiers of the others.

    Raises
    ------
    InputError
        If there are fewer than 2 folds, or more than images of a class.
    """
    smallest = int(np.bincount(labels).min())
    if not 2 <= n_folds <= smallest:
        raise InputError(f"{n_folds} folds: choose 2 to {smallest}, the images of the smallest class")
    order = np.asarray(jax.random.permutation(key, len(labels)))
    order = order[np.argsort(labels[order], kind="stable")]
    found = []
    for fold in range(n_folds):
        held = np.isin(np.arange(len(labels)), order[fold::n_folds])
        fold_key, told = jax.random.fold_in(key, fold), _as(f"fold {fold + 1}", report)
        fitted = fit_classifier(fold_key, images[~held], labels[~held], recipe, 0.0, report=told)
        right = fitted.classifier.probabilities(images[held]).argmax(1) == labels[held]
        found.append(right.mean())
    return np.array(found)


def _as(part: str, report: Callable[[str, EpochProgress], None]) -> Callable[[str, EpochProgress], None]:
    """A report of a training under another name."""
    return lambda _, told: report(part, told)


def validation_rows(key: Array, labels: np.ndarray, share: float) -> np.ndarray:
    """Which rows (N,) are for validation: a share of each class, at least one of it and not all."""
    order = np.asarray(jax.random.permutation(key, len(labels)))
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        held[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
    return held


def best_temperature(likely: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that makes log-probabilities (N, K) fit labels best.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    >>> likely = np.log([[0.99, 0.01]] * 4)
    >>> best_temperature(likely, np.array([0, 0, 0, 1])) > 3
    True
    """
    rows = np.arange(len(labels))
    losses = [-np.log(_tempered(likely, t)[rows, labels] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _trained(
    key: Array,
    rows: tuple[np.ndarray, np.ndarray],
    held: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
    keeper: Keeper | None,
    report: Callable[[EpochProgress], None],
) -> Trained:
    draw_key, key = jax.random.split(key)
    n_classes = int(rows[1].max()) + 1
    model = recipe.network.draw(draw_key, n_classes)
    parts = [(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32)) for x, y in (rows, held)]
    return train(key, model, recipe, parts[0], parts[1], recipe.training, keeper, report)


def _blocks(images: np.ndarray) -> list[Array]:
    parts = np.split(images.astype(np.float32), range(_BLOCK, len(images), _BLOCK))
    return [jnp.asarray(part) for part in parts]


def _tempered(likely: np.ndarray, temperature: float) -> np.ndarray:
    scaled = np.exp((likely - likely.max(1, keepdims=True)) / temperature)
    found: np.ndarray = scaled / scaled.sum(1, keepdims=True)
    return found


def _likely(network: ConvNet, images: np.ndarray, views: int) -> np.ndarray:
    """Log of probabilities (N, K), the mean over views."""
    parts = [np.asarray(_mean_likely(network, part, views), np.float64) for part in _blocks(images)]
    return np.concatenate(parts)


@eqx.filter_jit
def _mean_likely(network: ConvNet, images: Array, views: int) -> Array:
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1)))
    places = [(i, j) for i in range(3) for j in range(3)]
    places.sort(key=lambda place: abs(place[0] - 1) + abs(place[1] - 1))
    side = images.shape[1]
    found = [jax.nn.softmax(network(padded[:, i : i + side, j : j + side])) for i, j in places[:views]]
    return jnp.log(jnp.stack(found).mean(0) + 1e-12)


@eqx.filter_jit
def _features(network: ConvNet, images: Array) -> Array:
    return network.features(images)
