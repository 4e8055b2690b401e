"""The ``gscale classify``, ``gscale generate`` and ``gscale images`` commands: small images of characters."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gscale.cli.terminal import bar, configure
from gscale.errors import InputError

if TYPE_CHECKING:
    from gscale.images.tasks import TaskImages

Train = Annotated[Path | None, typer.Option(help="Labelled images: a label and 784 pixels a row.")]
Test = Annotated[Path | None, typer.Option(help="Images to label: an identifier and 784 pixels a row.")]
Data = Annotated[
    str, typer.Option(help="Without files: digits, mnist-test, mnist, emnist-letters or fashion-mnist.")
]
Classes = Annotated[int, typer.Option(help="Without files: the first so many classes.")]
Labelled = Annotated[int, typer.Option(help="Without files: images with a label.")]
Epochs = Annotated[int | None, typer.Option(help="Another number of epochs than the recipe's.")]
Seed = Annotated[int, typer.Option(help="Seed of all random numbers.")]


def classify(
    train: Train = None,
    test: Test = None,
    data: Data = "digits",
    classes: Classes = 6,
    labelled: Labelled = 500,
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
    configure()
    from gscale.images import tasks

    if compare:
        from gscale.bench.small_images.classifier_comparison import compare_recipes

        _compare(compare_recipes, data, compare, out, train or test)
        return
    _check_choice("--table", table, ("csv", "parquet"))
    _check_choice("--recipe", recipe, tasks.CLASSIFIERS)
    images = _task_images(train, test, data, classes, labelled, seed)
    chosen = tasks.with_epochs(tasks.CLASSIFIERS[recipe], epochs)
    with tasks.checkpoints(out):  # so that a folder that cannot be written to is refused first
        print(images.description)
        if folds:
            _cross_validate(images, chosen, folds, seed)
        with bar() as on_progress:
            result = tasks.classify(
                images, out, chosen, seed, table=table, allow_absent=allow_absent, on_progress=on_progress
            )
    print(f"validation: accuracy {result.validation[1]:.4f}, cross-entropy {result.validation[0]:.4f} nats")
    if result.accuracy is not None:
        print(f"test: accuracy {result.accuracy:.4f}, calibration error {result.calibration_error:.4f}")
    print(f"{result.path}: {len(result.predictions):,} images; figures and classifier.safetensors beside it")


def generate(
    train: Train = None,
    test: Test = None,
    data: Data = "digits",
    classes: Classes = 6,
    labelled: Labelled = 500,
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
    configure()
    from gscale.images import tasks

    if compare:
        from gscale.bench.small_images.generator_comparison import compare_generators

        _compare(compare_generators, data, compare, out, train or test)
        return
    _check_choice("--table", table, ("npz", "csv"))
    _check_choice("--model", model, tasks.GENERATORS)
    images = _task_images(train, test, data, classes, labelled, seed)
    chosen = tasks.with_epochs(tasks.GENERATORS[model], epochs)
    saved = None if classifier is None else tasks.load_classifier(classifier, images.train.classes)
    print(images.description)
    with bar() as on_progress:
        result = tasks.generate(
            images, out, chosen, saved, seed, count=count, table=table, on_progress=on_progress
        )
    if result.log_density is not None:
        about = f"{len(result.generator.axes)} principal components: {result.log_density:.2f} nats"
        print(f"mean log-density of the images fitted to, {about}")
    names = ", ".join(images.train.classes)
    print(f"{result.path}: {len(result.images):,} images, {count:,} of each of {names}")


def show(
    folder: Annotated[Path, typer.Argument(help="Where classify or generate --compare wrote.")],
) -> None:
    """Print what the tables of compared recipes and generators say."""
    from gscale.bench.small_images.image_summary import lines

    for line in lines(folder):
        print(line)


def _check_choice(option: str, name: str, choices: Iterable[str]) -> None:
    if name not in choices:
        raise InputError(f"{option} {name}: choose {', '.join(choices)}")


def _compare(
    comparison: Callable[..., None], data: str, n_seeds: int, out: Path, given_file: Path | None
) -> None:
    if given_file:
        raise InputError("--compare measures on images whose labels are known: give --data, not files")
    comparison(data, n_seeds, out, partial(print, file=sys.stderr))
    show(out)


def _task_images(
    train: Path | None, test: Path | None, data: str, classes: int, labelled: int, seed: int
) -> "TaskImages":
    from gscale.images.tasks import named_images, read_images

    if train is not None and test is not None:
        return read_images(train, test)
    if train or test:
        raise InputError("--train and --test go together: give both files, or neither for --data")
    return named_images(data, classes, labelled, seed)


def _cross_validate(images: "TaskImages", recipe: Any, folds: int, seed: int) -> None:
    import jax

    from gscale.images.classifier import cross_validate

    with bar() as on_progress:
        accuracies = cross_validate(jax.random.key(seed), images.train, recipe, folds, on_progress)
    error = accuracies.std(ddof=1) / folds**0.5
    print(f"{folds}-fold cross-validation: accuracy {accuracies.mean():.4f}, standard error {error:.4f}")
