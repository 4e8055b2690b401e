"""The ``gscale classify`` and ``gscale generate`` commands: small images of characters."""

import io
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer

from gscale.cli.terminal import bar, checkpoints, make_folder
from gscale.errors import InputError
from gscale.flows.checkpoint import Checkpoint
from gscale.flows.serialisation import load, save, write_whole

Train = Annotated[Path | None, typer.Option(help="Labelled images: a label and 784 pixels a row.")]
Test = Annotated[Path | None, typer.Option(help="Images to label: an identifier and 784 pixels a row.")]
Data = Annotated[
    str, typer.Option(help="Without files: digits, mnist-test, mnist, emnist-letters or fashion-mnist.")
]
Classes = Annotated[int, typer.Option(help="Without files: the first so many classes.")]
Labelled_ = Annotated[int, typer.Option("--labelled", help="Without files: images with a label.")]
Epochs = Annotated[int | None, typer.Option(help="Another number of epochs than the recipe's.")]
Seed = Annotated[int, typer.Option(help="Seed of all that is drawn.")]
_UNCERTAIN = 60


class _Job(NamedTuple):
    """What a generator is made of, and what is asked of it."""

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    confidence: np.ndarray
    each: int
    classifier: Any
    seed: int
    keep: Callable[[str], Checkpoint]
    out: Path


class _Given(NamedTuple):
    train: Any
    test: Any
    truth: np.ndarray | None
    about: str


def register(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    app.command()(classify)
    app.command()(generate)
    app.command("images")(show)


def classify(
    train: Train = None,
    test: Test = None,
    data: Data = "digits",
    classes: Classes = 6,
    labelled: Labelled_ = 500,
    recipe: Annotated[str, typer.Option(help="default or reference.")] = "default",
    epochs: Epochs = None,
    folds: Annotated[int, typer.Option(help="Cross-validate in so many folds, too; 0 for none.")] = 0,
    compare: Annotated[int, typer.Option(help="Compare recipes over so many seeds, and end.")] = 0,
    table: Annotated[str, typer.Option(help="csv or parquet, for the predictions.")] = "csv",
    allow_absent: Annotated[bool, typer.Option(help="The images to label may lack a class.")] = False,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("results/_classify"),
) -> None:
    """Classify 28×28 grey images after few labelled ones; a killed training goes on where it was."""
    if compare:
        _refuse_files(train, test)
        _compare(data, compare, out)
        return
    if table not in ("csv", "parquet"):
        raise InputError(f"--table {table}: csv or parquet")
    given = _given(train, test, data, classes, labelled, seed)
    chosen = _recipe(recipe, epochs)
    with checkpoints(out) as keep:
        print(given.about)
        if folds:
            _cross_validated(given.train, chosen, folds, seed)
        fitted = _fitted(given.train, chosen, seed, keep)
        likely = fitted.classifier.probabilities(given.test.images)
        if not allow_absent:
            _check_all_predicted(
                likely, given.train.classes, ", give test images of it or say --allow-absent"
            )
        _write_classified(given, fitted, likely, table, out)


def generate(
    train: Train = None,
    test: Test = None,
    data: Data = "digits",
    classes: Classes = 6,
    labelled: Labelled_ = 500,
    model: Annotated[str, typer.Option(help="default, reference, gaussianization or coupling.")] = "default",
    classifier: Annotated[
        Path | None, typer.Option(help="A classifier that gscale classify wrote, in place of a new one.")
    ] = None,
    count: Annotated[int, typer.Option(help="New images of each class.")] = 500,
    compare: Annotated[int, typer.Option(help="Compare generators over so many seeds, and end.")] = 0,
    epochs: Epochs = None,
    table: Annotated[str, typer.Option(help="npz or csv, for the images.")] = "npz",
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("results/_generate"),
) -> None:
    """Make new images of each class from labelled ones and others whose labels are predicted."""
    if compare:
        _refuse_files(train, test)
        _compare_generators(data, compare, out)
        return
    if table not in ("csv", "npz"):
        raise InputError(f"--table {table}: csv or npz")
    if count < 1:
        raise InputError(f"--count {count}: at least 1 image of each class")
    given = _given(train, test, data, classes, labelled, seed)
    maker = _maker(model, epochs)
    kept = None if classifier is None else _loaded(classifier, given.train.classes)
    with checkpoints(out) as keep:
        print(given.about)
        if kept is None:
            kept = _fitted(given.train, _recipe("default", None), seed, keep).classifier
        made = maker(_job(given, kept, count, seed, keep, out))
        _write_images(made, given.train.classes, count, table, out)


def show(
    folder: Annotated[Path, typer.Argument(help="Where classify or generate --compare wrote.")],
) -> None:
    """Print what the tables of compared recipes and generators say."""
    from gscale.bench.small_images import image_summary as tables

    for line in tables.lines(folder):
        print(line)


def _refuse_files(train: Path | None, test: Path | None) -> None:
    if train or test:
        raise InputError("--compare measures on images whose labels are known: give --data, not files")


def _given(
    train: Path | None, test: Path | None, data: str, classes: int, labelled: int, seed: int
) -> _Given:
    from gscale.images import datasets as sets
    from gscale.images import image_files as reading

    if (train is None) != (test is None):
        raise InputError("--train and --test go together: give both files, or neither for --data")
    if train is not None and test is not None:
        known = reading.read_train(train)
        asked = reading.read_test(test, known.classes)
        about = (
            f"{train}: {len(known.labels):,} images of {len(known.classes)} classes, {known.note}; "
            f"{test}: {len(asked.images):,}, {asked.note}"
        )
        return _Given(known, asked, None, about)
    parts = sets.split(sets.named(data, classes), labelled, seed)
    asked = reading.Unlabelled(parts.test.images, np.arange(len(parts.test.labels)))
    about = f"{data}: {labelled:,} images of {classes} classes with labels, {len(asked.names):,} without"
    return _Given(parts.train, asked, parts.test.labels, about)


def _recipe(name: str, epochs: int | None) -> Any:
    from gscale.images import classifier

    recipes = {"default": classifier.DEFAULT, "reference": classifier.REFERENCE}
    if name not in recipes:
        raise InputError(f"--recipe {name}: default or reference")
    return _with_epochs(recipes[name], epochs)


def _with_epochs(recipe: Any, epochs: int | None) -> Any:
    from dataclasses import replace

    return recipe if epochs is None else replace(recipe, training=replace(recipe.training, epochs=epochs))


def _fitted(train: Any, recipe: Any, seed: int, keep: Callable[[str], Checkpoint]) -> Any:
    import jax

    from gscale.images.classifier import fit_classifier

    with bar(("loss", "accuracy")) as told:
        return fit_classifier(
            jax.random.key(seed), train.images, train.labels, recipe, keep=keep, report=told
        )


def _cross_validated(train: Any, recipe: Any, folds: int, seed: int) -> None:
    import jax

    from gscale.images.classifier import cross_validated

    with bar(("loss", "accuracy")) as told:
        found = cross_validated(jax.random.key(seed), train.images, train.labels, recipe, folds, told)
    spread = found.std(ddof=1) / folds**0.5
    print(f"{folds}-fold cross-validation: accuracy {found.mean():.4f}, standard error {spread:.4f}")


def _write_classified(given: _Given, fitted: Any, likely: np.ndarray, table: str, out: Path) -> None:
    from gscale.images import classifier_metrics as measures
    from gscale.images import image_plots as figures

    classes, predicted = given.train.classes, likely.argmax(1)
    names = np.array(classes)
    frame = pd.DataFrame({"id": given.test.names, "label": names[predicted], "confidence": likely.max(1)})
    frame = frame.assign(**{f"p_{name}": likely[:, k] for k, name in enumerate(classes)})
    path = out / f"predictions.{table}"
    write_whole(path, _bytes_of(frame, path))
    save(out / "classifier.safetensors", "classifier", [fitted.classifier, list(classes)], {})
    names_ = ("cross-entropy, nats", "accuracy")
    figures.write_curves(out / "curves.png", fitted.tuning.train, fitted.tuning.held_out, names_)
    least = np.argsort(likely.max(1), kind="stable")[:_UNCERTAIN]
    figures.write_sheet(out / "uncertain.png", given.test.images[least], 10)
    loss, accuracy = fitted.tuning.held_out[-1]
    print(f"validation: accuracy {accuracy:.4f}, cross-entropy {loss:.4f} nats")
    found, true = (fitted.predicted, fitted.true) if given.truth is None else (predicted, given.truth)
    figures.write_confusion(out / "confusion.png", measures.confusion(found, true, len(classes)), classes)
    if given.truth is not None:
        error = measures.calibration_error(likely, given.truth)
        print(f"test: accuracy {(predicted == given.truth).mean():.4f}, calibration error {error:.4f}")
    print(f"{path}: {len(frame):,} images; figures and classifier.safetensors beside it")


def _check_all_predicted(likely: np.ndarray, classes: tuple[str, ...], otherwise: str) -> None:
    """Refuse probabilities (N, K) by which some class is that of no image."""
    counts = np.bincount(likely.argmax(1), minlength=len(classes))
    if not counts.min():
        raise InputError(
            f"no image of the test file is labelled {classes[int(counts.argmin())]}: "
            f"leave the class out of the training file{otherwise}"
        )


def _job(
    given: _Given, classifier: Any, count: int, seed: int, keep: Callable[[str], Checkpoint], out: Path
) -> _Job:
    """All images, with their labels as they are known or predicted."""
    likely, classes = classifier.probabilities(given.test.images), given.train.classes
    _check_all_predicted(likely, classes, " or give test images of it")
    images = np.concatenate([given.train.images, given.test.images])
    labels = np.concatenate([given.train.labels, likely.argmax(1)])
    confidence = np.concatenate([np.ones(len(given.train.labels)), likely.max(1)])
    return _Job(images, labels, classes, confidence, count, classifier, seed, keep, out)


def _loaded(path: Path, classes: tuple[str, ...]) -> Any:
    found, names = load(path, "classifier")
    if tuple(names) != classes:
        raise InputError(f"{path} tells {', '.join(names)} apart, the images are {', '.join(classes)}")
    return found


def _maker(name: str, epochs: int | None) -> Callable[[_Job], np.ndarray]:
    from gscale.images import class_flows as flows
    from gscale.images import cvae

    trained = {"default": cvae.DEFAULT, "reference": cvae.REFERENCE}
    fitted = {"gaussianization": flows.ByGaussianization(), "coupling": flows.ByCoupling()}
    if name in trained:
        return partial(_by_cvae, _with_epochs(trained[name], epochs))
    if name not in fitted:
        raise InputError(f"--model {name}: choose {', '.join([*trained, *fitted])}")
    return partial(_by_flows, fitted[name])


def _by_cvae(recipe: Any, job: _Job) -> np.ndarray:
    import jax

    from gscale.images import image_plots as figures
    from gscale.images.cvae import fit_generator, made_by

    key, sample_key = jax.random.split(jax.random.key(job.seed))
    with bar(("reconstruction", "divergence")) as told:
        found, trained = fit_generator(
            *(key, job.images, job.labels, len(job.classes), job.confidence, recipe),
            keeper=job.keep("generator"),
            report=partial(told, "generator"),
        )
    save(job.out / "generator.safetensors", "generator", found, {"classes": job.classes})
    names = ("reconstruction, nats", "divergence, nats")
    figures.write_curves(job.out / "curves.png", trained.train, trained.held_out, names)
    steps = np.linspace(-2.5, 2.5, 11)
    figures.write_sheet(job.out / "traversals.png", found.traverse(0, steps).reshape(-1, 28, 28), len(steps))
    return made_by(found, recipe, sample_key, job.each, job.classifier)


def _by_flows(spec: Any, job: _Job) -> np.ndarray:
    from gscale.images.class_flows import fit_flows

    trusted = job.confidence > 0.5
    images, labels = job.images[trusted], job.labels[trusted]
    found = fit_flows(job.seed, images, labels, len(job.classes), spec)
    content = [found.mean, found.axes, [spec.parts(density) for density in found.densities]]
    save(job.out / "generator.safetensors", "flows", content, {"classes": job.classes})
    value = found.log_density(images, labels).mean()
    print(
        f"mean log-density of the images fitted to, {len(found.axes)} principal components: {value:.2f} nats"
    )
    return found.sample(job.seed, job.each)


def _write_images(images: np.ndarray, classes: tuple[str, ...], count: int, table: str, out: Path) -> None:
    from gscale.images import image_plots as figures

    labels = np.repeat(np.array(classes), count)
    path = out / f"images.{table}"
    content = io.BytesIO()
    if table == "npz":
        np.savez_compressed(content, x=images, y=labels)
    else:
        pixels = pd.DataFrame(np.rint(255 * images.reshape(len(images), -1)).astype(int))
        pixels.insert(0, "label", labels)
        pixels.to_csv(content, index=False)
    write_whole(path, content.getvalue())
    shown = np.concatenate([np.arange(k * count, k * count + min(20, count)) for k in range(len(classes))])
    figures.write_sheet(out / "images.png", images[shown], min(20, count))
    print(f"{path}: {len(images):,} images, {count:,} of each of {', '.join(classes)}")


def _bytes_of(frame: pd.DataFrame, path: Path) -> bytes:
    content = io.BytesIO()
    if path.suffix == ".csv":
        frame.to_csv(content, index=False)
    else:
        frame.to_parquet(content, index=False)
    return content.getvalue()


def _compare(data: str, seeds: int, out: Path) -> None:
    from gscale.bench.small_images import classifier_comparison as compare

    make_folder(out)
    for name, recipes in (("recipes", compare.RECIPES), ("ablation", compare.ABLATION)):
        compare.compare(data, recipes, seeds, out / f"{name}.parquet", partial(print, file=sys.stderr))
    _print_tables(out)


def _compare_generators(data: str, seeds: int, out: Path) -> None:
    from gscale.bench.small_images import generator_comparison as compare_generators
    from gscale.images import image_plots as figures

    def keep(name: str, images: np.ndarray) -> None:
        first = [np.arange(start, start + 20) for start in range(0, len(images), len(images) // 6)]
        figures.write_sheet(out / f"images_{name}.png", images[np.concatenate(first)], 20)

    make_folder(out)
    path = out / "generators.parquet"
    tell = partial(print, file=sys.stderr)
    compare_generators.compare(data, compare_generators.GENERATORS, seeds, path, tell, keep)
    _print_tables(out)


def _print_tables(folder: Path) -> None:
    from gscale.bench.small_images import image_summary as tables

    show(folder)
    if (folder / "generators.parquet").is_file() and os.access(folder, os.W_OK):
        tables.draw(folder, folder / "generators.png")
