"""Small images from files to files: label images after few labelled ones, and make new ones of each class.

>>> from gscale.images.tasks import classify, generate, read_images
>>> images = read_images(Path("train.csv"), Path("test.csv"))  # doctest: +SKIP
>>> classified = classify(images, Path("labels"))  # doctest: +SKIP
>>> generate(images, Path("new"), classifier=classified.classifier)  # doctest: +SKIP
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from gscale.errors import InputError
from gscale.flows.checkpoint import Checkpoint
from gscale.flows.serialisation import load, save
from gscale.images import class_flows, classifier, cvae
from gscale.images.base import SIDE, LabelledImages, UnlabelledImages
from gscale.images.classifier import Classifier, ClassifierRecipe, OnProgress, fit_classifier
from gscale.images.classifier_metrics import calibration_error
from gscale.images.cvae import Generator, GeneratorRecipe, fit_generator
from gscale.images.datasets import load_images, split_images
from gscale.images.image_files import read_test, read_train
from gscale.images.image_plots import write_class_sheet, write_confusion, write_curves, write_sheet
from gscale.results.files import table_bytes
from gscale.runtime import make_output_folder, write_output
from gscale.validation import check_at_least

CLASSIFIERS = {"default": classifier.DEFAULT, "reference": classifier.REFERENCE}
GeneratorSpec = GeneratorRecipe | class_flows.ClassGaussianization | class_flows.ClassCoupling
GENERATORS: dict[str, GeneratorSpec] = {
    "default": cvae.DEFAULT,
    "reference": cvae.REFERENCE,
    "gaussianization": class_flows.ClassGaussianization(),
    "coupling": class_flows.ClassCoupling(),
}
_N_UNCERTAIN = 60
_TRAVERSAL = np.linspace(-2.5, 2.5, 11)  # standard deviations


class TaskImages(NamedTuple):
    """What the tasks are given.

    Attributes
    ----------
    train : LabelledImages
    test : UnlabelledImages
    true_labels : ndarray of int, shape (N,), or None
        Of the images in ``test``, where they are known.
    description : str
        A line on both.
    """

    train: LabelledImages
    test: UnlabelledImages
    true_labels: np.ndarray | None
    description: str


class ClassifiedImages(NamedTuple):
    """Labels of images, and how they came about.

    Attributes
    ----------
    predictions : DataFrame
        ``id``, ``label``, ``confidence`` and ``p_<class>`` of each class, a row an image.
    classifier : Classifier
    validation : ndarray, shape (2,)
        Cross-entropy in nats and accuracy on the images for validation.
    accuracy, calibration_error : float or None
        On the true labels, where they are known.
    path : Path
        The file of the predictions.
    """

    predictions: pd.DataFrame
    classifier: Classifier
    validation: np.ndarray
    accuracy: float | None
    calibration_error: float | None
    path: Path


class GeneratedImages(NamedTuple):
    """New images.

    Attributes
    ----------
    images : ndarray, shape (K · count, 28, 28)
        From 0 to 1, class by class.
    generator : Generator or FlowGenerator
    log_density : float or None
        Mean log-density in nats of the principal components of the images fitted to; None of an autoencoder.
    path : Path
        The file of the images.
    """

    images: np.ndarray
    generator: Any
    log_density: float | None
    path: Path


def read_images(train: Path, test: Path) -> TaskImages:
    """Labelled images and images to label, from files.

    Raises
    ------
    InputError
        If a file cannot be read, or what it holds cannot be used.
    """
    labelled = read_train(train)
    unlabelled = read_test(test, labelled.classes)
    about = f"{len(labelled.labels):,} images of {len(labelled.classes)} classes, {labelled.note}"
    description = f"{train}: {about}; {test}: {len(unlabelled.images):,}, {unlabelled.note}"
    return TaskImages(labelled, unlabelled, None, description)


def named_images(name: str, n_classes: int = 6, n_labelled: int = 500, seed: int = 0) -> TaskImages:
    """Images of a named data set: some labelled, the others to be labelled.

    Raises
    ------
    InputError
        If there is no such data set, or it has too few classes or images.
    """
    train, test = split_images(load_images(name, n_classes), n_labelled, seed)
    n = len(test.labels)
    description = f"{name}: {n_labelled:,} images of {n_classes} classes with labels, {n:,} without"
    return TaskImages(train, UnlabelledImages(test.images, np.arange(n)), test.labels, description)


def with_epochs(recipe: Any, epochs: int | None) -> Any:
    """A recipe with another number of epochs; None changes nothing, and flows have no epochs to change."""
    if epochs is None or not isinstance(recipe, ClassifierRecipe | GeneratorRecipe):
        return recipe
    return replace(recipe, training=replace(recipe.training, epochs=epochs))


@contextmanager
def checkpoints(out: Path, *names: str) -> Iterator[dict[str, Checkpoint]]:
    """Checkpoints in a folder, which is made; they are removed once all is done or refused.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    new_folders = [path for path in (out, *out.parents) if not path.exists()]
    make_output_folder(out)
    paths = {name: out / f"{name}.ckpt" for name in names}
    new = [path for path in paths.values() if not path.exists()]  # others may be another training's
    try:
        yield {name: Checkpoint(path) for name, path in paths.items()}
    except Exception:
        for path in new:
            path.unlink(missing_ok=True)
        for path in new_folders:
            with suppress(OSError):  # it is not empty
                path.rmdir()
        raise
    for path in paths.values():
        path.unlink(missing_ok=True)


def classify(
    images: TaskImages,
    out: Path,
    recipe: ClassifierRecipe = classifier.DEFAULT,
    seed: int = 0,
    *,
    table: str = "csv",
    allow_absent: bool = False,
    on_progress: OnProgress = lambda *_: None,
) -> ClassifiedImages:
    """Label images, and write predictions, figures and the classifier; what was killed goes on where it was.

    Parameters
    ----------
    images : TaskImages
    out : Path
        The folder to write to, which is made.
    recipe : ClassifierRecipe, optional
    seed : int
        Of all that is random; the same seed, images and recipe make the same predictions.
    table : str
        How the file of predictions ends: csv or parquet.
    allow_absent : bool
        Whether no image may be labelled as one of the classes.
    on_progress : callable, optional
        Called after each epoch with the name of the training.

    Raises
    ------
    InputError
        If no image is labelled as some class, or the folder cannot be written to.
    """
    with checkpoints(out, "tuning", "training") as saved:
        key, classes = jax.random.key(seed), images.train.classes
        fitted = fit_classifier(key, images.train, recipe, 0.2, saved, on_progress)
        probabilities = fitted.classifier.probabilities(images.test.images)
        if not allow_absent:
            check_all_predicted(probabilities, classes, "give test images of it or say --allow-absent")
        confidence, labels = probabilities.max(1), probabilities.argmax(1)
        columns = {"id": images.test.names, "label": np.array(classes)[labels], "confidence": confidence}
        columns |= {f"p_{name}": probabilities[:, k] for k, name in enumerate(classes)}
        predictions = pd.DataFrame(columns)
        path = out / f"predictions.{table}"
        write_output(path, table_bytes(predictions, path))
        save(out / "classifier.safetensors", "classifier", [fitted.classifier, list(classes)], {})
        _, training, validation = fitted.tuning
        write_curves(out / "curves.png", training, validation, ("cross-entropy, nats", "accuracy"))
        least_certain = np.argsort(confidence, kind="stable")[:_N_UNCERTAIN]
        write_sheet(out / "uncertain.png", images.test.images[least_certain], 10)
        true, accuracy, error = images.true_labels, None, None
        if true is not None:
            accuracy, error = float((labels == true).mean()), calibration_error(probabilities, true)
        pair = (fitted.true, fitted.predicted) if true is None else (true, labels)
        counts = confusion_matrix(*pair, labels=np.arange(len(classes)))
        write_confusion(out / "confusion.png", counts, classes)
    return ClassifiedImages(predictions, fitted.classifier, validation[-1], accuracy, error, path)


def generate(
    images: TaskImages,
    out: Path,
    generator: GeneratorSpec = cvae.DEFAULT,
    classifier: Classifier | None = None,
    seed: int = 0,
    *,
    count: int = 500,
    table: str = "npz",
    on_progress: OnProgress = lambda *_: None,
) -> GeneratedImages:
    """Make new images of each class, from labelled images and from others whose labels are predicted.

    Images, a sheet of them and the generator are written; what was killed goes on where it was.

    Parameters
    ----------
    images : TaskImages
    out : Path
        The folder to write to, which is made.
    generator : GeneratorRecipe, ClassGaussianization or ClassCoupling, optional
    classifier : Classifier, optional
        What predicts labels; where absent, one is fitted by the default recipe.
    seed : int
        Of all that is random; the same seed, images and generator make the same images.
    count : int
        New images of each class.
    table : str
        How the file of images ends: npz or csv.
    on_progress : callable, optional
        Called after each epoch with the name of the training.

    Raises
    ------
    InputError
        If no image is labelled as some class, a class has too few images, or the folder cannot be written to.
    """
    check_at_least(1, {"count": count})
    names = ("generator",) if classifier else ("tuning", "training", "generator")
    with checkpoints(out, *names) as saved:
        if classifier is None:
            key, recipe = jax.random.key(seed), CLASSIFIERS["default"]
            classifier = fit_classifier(key, images.train, recipe, 0.2, saved, on_progress).classifier
        probabilities, classes = classifier.probabilities(images.test.images), images.train.classes
        check_all_predicted(probabilities, classes, "or give test images of it")
        labelled = add_predicted(images.train, images.test.images, probabilities)
        fitted: Generator | class_flows.FlowGenerator
        if isinstance(generator, GeneratorRecipe):
            key, sample_key = jax.random.split(jax.random.key(seed))
            on_epoch = partial(on_progress, "generator")
            fitted, training = fit_generator(key, labelled, generator, saved["generator"], on_epoch)
            save(out / "generator.safetensors", "generator", fitted, {"classes": classes})
            axes = ("reconstruction, nats", "divergence, nats")
            write_curves(out / "curves.png", training.train, training.held_out, axes)
            traversals = fitted.traverse(0, _TRAVERSAL).reshape(-1, SIDE, SIDE)
            write_sheet(out / "traversals.png", traversals, len(_TRAVERSAL))
            new, log_density = generator.sample(sample_key, fitted, classifier, count), None
        else:
            labelled = labelled.take(labelled.certainty > 0.5)
            fitted = class_flows.fit_flows(seed, labelled, generator)
            content = [fitted.mean, fitted.axes, [generator.content(part) for part in fitted.densities]]
            save(out / "generator.safetensors", "flows", content, {"classes": classes})
            log_density = float(fitted.log_density(labelled).mean())
            new = fitted.sample(seed, count)
        path = out / f"images.{table}"
        _write_images(path, new, np.repeat(np.array(classes), count))
        write_class_sheet(out / "images.png", new, len(classes))
    return GeneratedImages(new, fitted, log_density, path)


def load_classifier(path: Path, classes: tuple[str, ...]) -> Classifier:
    """The classifier that `classify` wrote to a file.

    Raises
    ------
    InputError
        If it is no such file, or the classifier is of other classes.
    """
    loaded, names = load(path, "classifier")
    if not isinstance(loaded, Classifier) or tuple(names) != classes:
        raise InputError(f"{path} distinguishes {', '.join(names)}, the images are {', '.join(classes)}")
    return loaded


def add_predicted(train: LabelledImages, images: np.ndarray, probabilities: np.ndarray) -> LabelledImages:
    """Labelled images, and others (N, 28, 28) with their most probable labels by probabilities (N, K)."""
    return train._replace(
        images=np.concatenate([train.images, images]),
        labels=np.concatenate([train.labels, probabilities.argmax(1)]),
        confidence=np.concatenate([np.ones(len(train.labels)), probabilities.max(1)]),
    )


def check_all_predicted(probabilities: np.ndarray, classes: tuple[str, ...], remedy: str) -> None:
    """Refuse probabilities (N, K) by which no image is of some class.

    Raises
    ------
    InputError
        Naming the class, and a remedy besides leaving it out.
    """
    counts = np.bincount(probabilities.argmax(1), minlength=len(classes))
    if not counts.min():
        raise InputError(
            f"no image of the test file is labelled {classes[int(counts.argmin())]}: "
            f"leave the class out of the training file, {remedy}"
        )


def _write_images(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    if path.suffix == ".npz":
        content = io.BytesIO()
        np.savez_compressed(content, x=images, y=labels)
        write_output(path, content.getvalue())
    else:
        pixels = pd.DataFrame(np.rint(255 * images.reshape(len(images), -1)).astype(int))
        pixels.insert(0, "label", labels)
        write_output(path, table_bytes(pixels, path))
