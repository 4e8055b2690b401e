"""Generators side by side, evaluated by a classifier of other real images: a row a generator and seed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from gscale.bench.small_images.classifier_comparison import N_CLASSES, N_TRAIN, QUICK, comparison_table
from gscale.bench.small_images.image_summary import draw
from gscale.images import tasks
from gscale.images.base import LabelledImages
from gscale.images.class_flows import fit_flows
from gscale.images.classifier import Classifier, fit_classifier
from gscale.images.cvae import GeneratorRecipe, fit_generator
from gscale.images.datasets import load_images, split_images
from gscale.images.generator_metrics import evaluate_images
from gscale.images.image_plots import write_class_sheet
from gscale.runtime import make_output_folder

_COUNT = 500  # new images of each class
_NAMES = ("gaussianization", "coupling", "default", "reference")
GENERATORS = {name: tasks.GENERATORS[name] for name in _NAMES}


class GeneratorSetting(NamedTuple):
    """What generators are given, and what they are evaluated by.

    Attributes
    ----------
    labelled : LabelledImages
        The images of training, and others with predicted labels.
    classifier : Classifier
        Of the images of training; it has predicted the labels.
    evaluator : Classifier
        Of real images that no generator sees.
    real : LabelledImages
        Images that neither a generator nor the evaluator sees.
    """

    labelled: LabelledImages
    classifier: Classifier
    evaluator: Classifier
    real: LabelledImages


def make_setting(dataset: str, seed: int) -> GeneratorSetting:
    """Of the images beyond the 500, generators see 54 %, the evaluator 27 %; the others are the real ones."""
    train, others = split_images(load_images(dataset, N_CLASSES), N_TRAIN, seed)
    n = len(others.labels)
    parts = np.split(np.arange(n), [round(0.54 * n), round(0.81 * n)])
    unlabelled, for_evaluator, real = (others.take(part) for part in parts)
    key, evaluator_key = jax.random.split(jax.random.key(seed))
    classifier = fit_classifier(key, train, QUICK).classifier
    evaluator = fit_classifier(evaluator_key, for_evaluator, QUICK, 0.0).classifier
    probabilities = classifier.probabilities(unlabelled.images)
    labelled = tasks.add_predicted(train, unlabelled.images, probabilities)
    return GeneratorSetting(labelled, classifier, evaluator, real)


def generate_images(
    generator: tasks.GeneratorSpec, seed: int, setting: GeneratorSetting
) -> Iterator[tuple[str, np.ndarray, float]]:
    """500 new images of each class, and the mean log-density of real ones, NaN where there is none.

    Where the generator rejects images, those without rejection come second. The text is what to add to the
    generator's name.
    """
    if isinstance(generator, GeneratorRecipe):
        key, sample_key = jax.random.split(jax.random.key(seed))
        fitted, _ = fit_generator(key, setting.labelled, generator)
        yield "", generator.sample(sample_key, fitted, setting.classifier, _COUNT), np.nan
        if generator.rejection:
            generator = replace(generator, rejection=False)
            yield ", all kept", generator.sample(sample_key, fitted, setting.classifier, _COUNT), np.nan
    else:
        flows = fit_flows(seed, setting.labelled, generator)
        yield "", flows.sample(seed, _COUNT), float(flows.log_density(setting.real).mean())


def compare_generators(dataset: str, n_seeds: int, folder: Path, on_progress: Callable[[str], None]) -> None:
    """Evaluate 500 new images a class of each generator, by seed, in the table ``generators.parquet``.

    A figure of it and sheets of the first seed's images are written beside it. What the table has already is
    not measured again.

    Raises
    ------
    InputError
        If the table is of another data set, or something cannot be written.
    """
    make_output_folder(folder)
    table = comparison_table(folder / "generators.parquet", "generator", dataset)
    for seed in range(n_seeds):
        missing = [name for name in GENERATORS if not table.has(generator=name, seed=seed)]
        if not missing:
            continue
        setting = make_setting(dataset, seed)
        for name in missing:
            on_progress(f"{name}, seed {seed}")
            start, cpu_start = time.perf_counter(), time.process_time()
            variants = list(generate_images(GENERATORS[name], seed, setting))
            spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu_start}
            if seed == 0:
                write_class_sheet(folder / f"images_{name}.png", variants[0][1], N_CLASSES)
            rows = []
            for suffix, images, log_density in variants:
                metrics = evaluate_images(setting.evaluator, images, setting.labelled, setting.real)._asdict()
                row = {"generator": name + suffix, **metrics, "log_density": log_density}
                rows.append({**row, "seed": seed, "dataset": dataset, **spent})
            table.add(*rows)
    draw(folder)
