"""Recipes beside each other over seeds: a row a recipe and seed, kept as it comes."""

import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from gscale.errors import InputError
from gscale.images.augmentation import Augmentation
from gscale.images.classifier import DEFAULT, REFERENCE, Recipe, fit_classifier
from gscale.images.classifier_metrics import calibration_error
from gscale.images.datasets import named, split
from gscale.images.image_training import Steady
from gscale.runtime import write_output

_N_TRAIN, _N_CLASSES = 500, 6
_FEWER = replace(DEFAULT, training=replace(DEFAULT.training, epochs=20))
ABLATION = {
    "default, 20 epochs": _FEWER,
    "with flips": replace(_FEWER, augmentation=replace(_FEWER.augmentation, flip=0.5)),
    "no rotation": replace(_FEWER, augmentation=replace(_FEWER.augmentation, rotation=0.0)),
    "no zoom": replace(_FEWER, augmentation=replace(_FEWER.augmentation, zoom=0.0)),
    "no augmentation": replace(_FEWER, augmentation=Augmentation()),
    "steady rate": replace(_FEWER, training=replace(_FEWER.training, rate=Steady(), learning_rate=1e-3)),
    "no averaging": replace(_FEWER, training=replace(_FEWER.training, averaging=0.0)),
}
RECIPES = {"default": DEFAULT, "reference": REFERENCE}


def compare(
    dataset: str, recipes: dict[str, Recipe], seeds: int, path: Path, tell: Callable[[str], None]
) -> pd.DataFrame:
    """Train each recipe on 500 images of a set, by seed, and measure it on the others; what is there is kept.

    The table has ``seconds`` of the clock and ``cpu`` seconds of training, compiling included.
    """
    table = kept(path, "recipe", dataset)
    whole = named(dataset, _N_CLASSES)
    for seed in range(seeds):
        parts = split(whole, _N_TRAIN, seed)
        for name, recipe in recipes.items():
            if there(table, "recipe", name, seed):
                continue
            tell(f"{name}, seed {seed}")
            tuned = 0.2 if name in RECIPES else 0.0
            clock, cpu = time.perf_counter(), time.process_time()
            fitted = fit_classifier(jax.random.key(seed), *parts.train[:2], recipe, tuned).classifier
            spent = {"seconds": time.perf_counter() - clock, "cpu": time.process_time() - cpu}
            likely = fitted.probabilities(parts.test.images)
            row = {
                "recipe": name,
                "seed": seed,
                "dataset": dataset,
                "accuracy": float(np.mean(likely.argmax(1) == parts.test.labels)),
                "calibration_error": calibration_error(likely, parts.test.labels),
                **spent,
            }
            table = appended(path, table, row)
    return table


def kept(path: Path, of: str, dataset: str) -> pd.DataFrame:
    """The rows that are there; ``of`` is the column that tells what is compared.

    Raises
    ------
    InputError
        If they are of other images.
    """
    if not path.exists():
        return pd.DataFrame({of: [], "seed": []})
    table = pd.read_parquet(path)
    if others := set(table["dataset"]) - {dataset}:
        raise InputError(f"{path} is of {', '.join(others)}, not of {dataset}: choose another folder")
    return table


def there(table: pd.DataFrame, of: str, name: str, seed: int) -> bool:
    """Whether a table has a row of a name and seed."""
    return bool(((table[of] == name) & (table["seed"] == seed)).any())


def appended(path: Path, table: pd.DataFrame, *rows: dict[str, Any]) -> pd.DataFrame:
    """A table with more rows, written whole."""
    found = pd.DataFrame(rows)
    table = pd.concat([table, found], ignore_index=True) if len(table) else found
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_output(path, content.getvalue())
    return table
