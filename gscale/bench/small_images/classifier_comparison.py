"""Classifiers of small images side by side: a row a recipe and seed, written as soon as it is measured."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax

from gscale.bench.provenance import provenance
from gscale.errors import InputError
from gscale.images.augmentation import Augmentation
from gscale.images.classifier import DEFAULT, REFERENCE, fit_classifier
from gscale.images.classifier_metrics import calibration_error
from gscale.images.datasets import load_images, split_images
from gscale.results.resumable import ResumableTable

N_TRAIN, N_CLASSES = 500, 6
QUICK = replace(DEFAULT, training=replace(DEFAULT.training, epochs=20))
STEADY = replace(QUICK.training, schedule=None, learning_rate=1e-3)
RECIPES = {"default": DEFAULT, "reference": REFERENCE}
ABLATION = {
    "default, 20 epochs": QUICK,
    "with flips": replace(QUICK, augmentation=replace(QUICK.augmentation, flip=0.5)),
    "no rotation": replace(QUICK, augmentation=replace(QUICK.augmentation, rotation=0.0)),
    "no zoom": replace(QUICK, augmentation=replace(QUICK.augmentation, zoom=0.0)),
    "no augmentation": replace(QUICK, augmentation=Augmentation()),
    "steady rate": replace(QUICK, training=STEADY),
    "no averaging": replace(QUICK, training=replace(QUICK.training, averaging=0.0)),
}


def compare_recipes(dataset: str, n_seeds: int, folder: Path, on_progress: Callable[[str], None]) -> None:
    """Train each recipe on 500 images of a data set, by seed, and measure it on the others.

    The tables ``recipes.parquet`` and ``ablation.parquet`` have ``seconds`` of the clock and ``cpu`` seconds
    of training, compiling included. What they have already is not measured again.

    Raises
    ------
    InputError
        If a table is of another data set, or cannot be written.
    """
    comparisons = (
        (comparison_table(folder / "recipes.parquet", "recipe", dataset), RECIPES, 0.2),
        (comparison_table(folder / "ablation.parquet", "recipe", dataset), ABLATION, 0.0),
    )
    images = load_images(dataset, N_CLASSES)
    for table, recipes, validation in comparisons:
        for seed in range(n_seeds):
            train, test = split_images(images, N_TRAIN, seed)
            for name, recipe in recipes.items():
                if table.has(recipe=name, seed=seed):
                    continue
                on_progress(f"{name}, seed {seed}")
                start, cpu_start = time.perf_counter(), time.process_time()
                fitted = fit_classifier(jax.random.key(seed), train, recipe, validation)
                spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu_start}
                probabilities = fitted.classifier.probabilities(test.images)
                accuracy = float((probabilities.argmax(1) == test.labels).mean())
                error = calibration_error(probabilities, test.labels)
                measured = {"accuracy": accuracy, "calibration_error": error, **spent}
                table.add({"recipe": name, "seed": seed, "dataset": dataset, **measured})


def comparison_table(path: Path, column: str, dataset: str) -> ResumableTable:
    """The rows that a file has already; a column and ``seed`` tell them apart.

    Raises
    ------
    InputError
        If they are of another data set.
    """
    table = ResumableTable(path, (column, "seed"), provenance())
    if others := set(table.rows.get("dataset", ())) - {dataset}:
        raise InputError(f"{path} is of {', '.join(others)}, not of {dataset}: choose another folder")
    return table
