"""A classifier of small images: recipes, calibrated probabilities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.errors import InputError
from gscale.flows.checkpoint import Checkpoint
from gscale.images.augmentation import Augmentation
from gscale.images.base import LabelledImages
from gscale.images.image_training import Batch, EpochProgress, ImageTraining, OneCycle, TrainedNetwork, train
from gscale.images.network import ConvNet, ConvNetSpec, apply_in_blocks
from gscale.validation import check_share

OnProgress = Callable[[str, EpochProgress], None]  # with the name of the training
_TEMPERATURES = np.geomspace(0.25, 4.0, 97)
# Shifts by up to a pixel, the smallest first, as the corners of a window in an image padded by one pixel.
_SHIFTS = sorted(np.ndindex(3, 3), key=lambda corner: abs(corner[0] - 1) + abs(corner[1] - 1))


@dataclass(frozen=True)
class ClassifierRecipe:
    """How a classifier is made of labelled images; the task that its network is trained on.

    Parameters
    ----------
    network : ConvNetSpec
    augmentation : Augmentation
        Of each image, each time that it is seen.
    training : ImageTraining
    smoothing : float
        Share of a label that is spread over all classes.
    views : int
        Copies of an image, shifted by up to one pixel, whose probabilities are averaged: 1, 5 or 9.

    Raises
    ------
    InputError
        On another number of views, or a smoothing that is no share.
    """

    metric_names: ClassVar[tuple[str, ...]] = ("cross-entropy", "accuracy")

    network: ConvNetSpec = field(default_factory=ConvNetSpec)
    augmentation: Augmentation = field(default_factory=Augmentation)
    training: ImageTraining = field(default_factory=ImageTraining)
    smoothing: float = 0.0
    views: int = 1

    def __post_init__(self) -> None:
        if self.views not in (1, 5, 9):
            raise InputError(f"{self.views} views of an image: choose 1, 5 or 9")
        check_share({"smoothing": self.smoothing})

    def loss(self, model: ConvNet, key: Array, batch: Batch) -> tuple[Array, Array]:
        """Cross-entropy in nats on augmented images; the metrics are this and accuracy."""
        images, labels = batch
        augmentation_key, dropout_key = jax.random.split(key)
        logits = model.with_dropout(dropout_key, self.augmentation(augmentation_key, images))
        log_probabilities = jax.nn.log_softmax(logits)
        of_label = jnp.take_along_axis(log_probabilities, labels[:, None], 1)[:, 0]
        value = -((1 - self.smoothing) * of_label + self.smoothing * log_probabilities.mean(1)).mean()
        return value, jnp.stack([value, (logits.argmax(1) == labels).mean()])

    def metrics(self, model: ConvNet, key: Array, batch: Batch) -> Array:
        """Cross-entropy in nats and accuracy of images as they are."""
        images, labels = batch
        log_probabilities = jax.nn.log_softmax(model(images))
        value = -jnp.take_along_axis(log_probabilities, labels[:, None], 1).mean()
        return jnp.stack([value, (log_probabilities.argmax(1) == labels).mean()])


# At a steady rate of 1e-3 the accuracy of the last epochs goes up and down by percents, as fives turn into
# mirrored twos and back.
REFERENCE = ClassifierRecipe(
    augmentation=Augmentation(rotation=10, zoom=0.1, flip=0.5), training=ImageTraining(learning_rate=3e-4)
)
DEFAULT = ClassifierRecipe(
    network=ConvNetSpec((32, 64, 96), 256, dropout=0.3),
    augmentation=Augmentation(rotation=15, zoom=0.15, shift=2, shear=0.2, elastic=1.0),
    training=ImageTraining(epochs=40, batch=32, learning_rate=3e-3, schedule=OneCycle(), averaging=0.99),
    smoothing=0.02,
)


class Classifier(eqx.Module):
    """A network, and a temperature that calibrates its probabilities."""

    network: ConvNet
    temperature: float = eqx.field(static=True)
    views: int = eqx.field(static=True)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (N, K) of images (N, 28, 28)."""
        return _tempered(_log_probabilities(self.network, images, self.views), self.temperature)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The most probable classes (N,) of images (N, 28, 28)."""
        return self.probabilities(images).argmax(1)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Outputs (N, F) of the network's dense layer."""
        return np.asarray(apply_in_blocks(ConvNet.features, self.network, images.astype(np.float32)))


class FittedClassifier(NamedTuple):
    """A classifier of all images, and the training on some of them that set its temperature.

    Attributes
    ----------
    classifier : Classifier
    tuning : TrainedNetwork
        On the images that are not for validation; where none are, on all.
    predicted, true : ndarray of int, shape (M,)
        Classes of the validation images: as the network of ``tuning`` predicts them, and their labels.
    """

    classifier: Classifier
    tuning: TrainedNetwork
    predicted: np.ndarray
    true: np.ndarray


def fit_classifier(
    key: Array,
    labelled: LabelledImages,
    recipe: ClassifierRecipe = DEFAULT,
    validation: float = 0.2,
    checkpoints: Mapping[str, Checkpoint] = MappingProxyType({}),
    on_progress: OnProgress = lambda *_: None,
) -> FittedClassifier:
    """Train a classifier: on some images, to see how good and how sure it is on the others, then on all.

    Parameters
    ----------
    key : Array
        Random key; the same key, images and recipe make the same classifier, bit by bit.
    labelled : LabelledImages
        At least 2 of each class.
    recipe : ClassifierRecipe, optional
    validation : float
        Share of each class for validation; 0 for none, and a temperature of 1.
    checkpoints : mapping, optional
        Those of the trainings called "tuning" and "training", with which they go on after a kill.
    on_progress : callable, optional
        Called after each epoch with the name of the training.
    """
    tuning_key, split_key, key = jax.random.split(key, 3)

    def trained(key: Array, name: str, held: np.ndarray) -> TrainedNetwork:
        init_key, key = jax.random.split(key)
        model = recipe.network.init(init_key, len(labelled.classes))
        images, labels = labelled.images.astype(np.float32), labelled.labels.astype(np.int32)
        rows, held_out = ((jnp.asarray(images[part]), jnp.asarray(labels[part])) for part in (~held, held))
        return train(key, model, recipe, rows, held_out, checkpoints.get(name), partial(on_progress, name))

    none = np.zeros(len(labelled.labels), bool)
    tuning, temperature, held, predicted = None, 1.0, none, labelled.labels[none]
    if validation:
        held = validation_rows(split_key, labelled.labels, validation)
        tuning = trained(tuning_key, "tuning", held)
        log_probabilities = _log_probabilities(tuning.model, labelled.images[held], recipe.views)
        temperature = best_temperature(log_probabilities, labelled.labels[held])
        predicted = log_probabilities.argmax(1)
    final = trained(key, "training", none)
    classifier = Classifier(final.model, temperature, recipe.views)
    return FittedClassifier(classifier, tuning or final, predicted, labelled.labels[held])


def cross_validate(
    key: Array,
    labelled: LabelledImages,
    recipe: ClassifierRecipe,
    n_folds: int,
    on_progress: OnProgress = lambda *_: None,
) -> np.ndarray:
    """Accuracies (n_folds,) on parts of the images, each of all classes, of classifiers of the others.

    Raises
    ------
    InputError
        If there are fewer than 2 folds, or more than images of a class.
    """
    smallest = int(labelled.counts.min())
    if not 2 <= n_folds <= smallest:
        raise InputError(f"{n_folds} folds: choose 2 to {smallest}, the images of the smallest class")
    order = np.asarray(jax.random.permutation(key, len(labelled.labels)))
    order = order[np.argsort(labelled.labels[order], kind="stable")]
    accuracies = []
    for fold in range(n_folds):
        held = np.isin(np.arange(len(order)), order[fold::n_folds])
        fold_key, test = jax.random.fold_in(key, fold), labelled.take(held)
        on_epoch = partial(lambda name, _, progress: on_progress(name, progress), f"fold {fold + 1}")
        fitted = fit_classifier(fold_key, labelled.take(~held), recipe, 0.0, on_progress=on_epoch)
        accuracies.append((fitted.classifier.predict(test.images) == test.labels).mean())
    return np.array(accuracies)


def validation_rows(key: Array, labels: np.ndarray, share: float) -> np.ndarray:
    """Which rows (N,) are for validation: a share of each class, at least one of it and not all."""
    order = np.asarray(jax.random.permutation(key, len(labels)))
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        held[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
    return held


def best_temperature(log_probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with which log-probabilities (N, K) have the least cross-entropy on labels (N,).

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    >>> log_probabilities = np.log([[0.99, 0.01]] * 4)
    >>> best_temperature(log_probabilities, np.array([0, 0, 0, 1])) > 3
    True
    """
    rows = np.arange(len(labels))
    losses = [-np.log(_tempered(log_probabilities, t)[rows, labels] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _tempered(log_probabilities: np.ndarray, temperature: float) -> np.ndarray:
    scaled = np.exp((log_probabilities - log_probabilities.max(1, keepdims=True)) / temperature)
    return np.asarray(scaled / scaled.sum(1, keepdims=True))


def _log_probabilities(network: ConvNet, images: np.ndarray, views: int) -> np.ndarray:
    """Logs (N, K) of probabilities averaged over views."""
    rows = images.astype(np.float32)
    return np.asarray(apply_in_blocks(_mean_log_probabilities, (network, views), rows), np.float64)


def _mean_log_probabilities(model: tuple[ConvNet, int], images: Array) -> Array:
    network, views = model
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1)))
    side = images.shape[1]
    windows = (padded[:, i : i + side, j : j + side] for i, j in _SHIFTS[:views])
    probabilities = jnp.stack([jax.nn.softmax(network(window)) for window in windows])
    return jnp.log(probabilities.mean(0) + 1e-12)
