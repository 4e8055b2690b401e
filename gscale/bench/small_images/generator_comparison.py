"""Generators beside each other, judged by a classifier of other real images: a row a generator and seed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from gscale.bench.small_images.classifier_comparison import appended, kept, there
from gscale.images import class_flows as flows
from gscale.images import classifier, cvae
from gscale.images.datasets import named, split
from gscale.images.generator_metrics import judged

_N_TRAIN, _N_CLASSES, _COUNT = 500, 6, 500
_QUICK = replace(classifier.DEFAULT, training=replace(classifier.DEFAULT.training, epochs=20))


class Setting(NamedTuple):
    """What generators are given, and what they are judged by.

    ``images``, ``labels`` and ``confidence`` are of training and of images with predicted labels; ``real``
    and ``real_labels`` are seen neither by a generator nor by the judge.
    """

    images: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    classifier: Any
    judge: Any
    real: np.ndarray
    real_labels: np.ndarray


class Made(NamedTuple):
    """New images, class by class; mean log-density of real ones, NaN without; and what was done otherwise."""

    images: np.ndarray
    log_density: float = float("nan")
    but: str = ""


Maker = Callable[[int, Setting], Iterator[Made]]


def setting(dataset: str, seed: int) -> Setting:
    """Of the images beyond the 500, 54 % are for the generators, 27 % for the judge, and the rest is real."""
    parts = split(named(dataset, _N_CLASSES), _N_TRAIN, seed)
    x, y = parts.test.images, parts.test.labels
    first, second = round(0.54 * len(x)), round(0.81 * len(x))
    own_key, judge_key = jax.random.split(jax.random.key(seed))
    own = classifier.fit_classifier(own_key, *parts.train[:2], _QUICK).classifier
    judge = classifier.fit_classifier(judge_key, x[first:second], y[first:second], _QUICK, 0.0).classifier
    likely = own.probabilities(x[:first])
    return Setting(
        np.concatenate([parts.train.images, x[:first]]),
        np.concatenate([parts.train.labels, likely.argmax(1)]),
        np.concatenate([np.ones(_N_TRAIN), likely.max(1)]),
        own,
        judge,
        x[second:],
        y[second:],
    )


def by_cvae(recipe: cvae.GeneratorRecipe, seed: int, given: Setting) -> Iterator[Made]:
    """New images of an autoencoder, of which all are also kept; it has no exact likelihood."""
    key, sample_key = jax.random.split(jax.random.key(seed))
    parts = (given.images, given.labels, _N_CLASSES, given.confidence)
    found, _ = cvae.fit_generator(key, *parts, recipe)
    yield Made(cvae.made_by(found, recipe, sample_key, _COUNT, given.classifier))
    if recipe.accepted:
        all_kept = replace(recipe, accepted=False)
        yield Made(cvae.made_by(found, all_kept, sample_key, _COUNT, given.classifier), but=", all kept")


def by_flows(spec: Any, seed: int, given: Setting) -> Iterator[Made]:
    """New images of a flow for each class, and the mean log-density of real principal components."""
    found = flows.fit_flows(seed, given.images, given.labels, _N_CLASSES, spec)
    yield Made(found.sample(seed, _COUNT), float(found.log_density(given.real, given.real_labels).mean()))


GENERATORS: dict[str, Maker] = {
    "gaussianization": partial(by_flows, flows.ByGaussianization()),
    "coupling": partial(by_flows, flows.ByCoupling()),
    "default": partial(by_cvae, cvae.DEFAULT),
    "reference": partial(by_cvae, cvae.REFERENCE),
}


def compare(
    dataset: str,
    generators: dict[str, Maker],
    seeds: int,
    path: Path,
    tell: Callable[[str], None],
    keep: Callable[[str, np.ndarray], None] = lambda *_: None,
) -> pd.DataFrame:
    """Judge 500 new images a class of each generator, by seed; what is there is kept."""
    table = kept(path, "generator", dataset)
    for seed in range(seeds):
        due = [name for name in generators if not there(table, "generator", name, seed)]
        if not due:
            continue
        given = setting(dataset, seed)
        for name in due:
            tell(f"{name}, seed {seed}")
            clock, cpu = time.perf_counter(), time.process_time()
            made = list(generators[name](seed, given))
            spent = {"seconds": time.perf_counter() - clock, "cpu": time.process_time() - cpu}
            if seed == 0:
                keep(name, made[0].images)
            common = {"seed": seed, "dataset": dataset, **spent}
            rows = [
                {"generator": name + one.but, **_measured(given, one.images), "log_density": one.log_density}
                for one in made
            ]
            table = appended(path, table, *(row | common for row in rows))
    return table


def _measured(given: Setting, images: np.ndarray) -> dict[str, float]:
    labels = np.repeat(np.arange(_N_CLASSES), len(images) // _N_CLASSES)
    verdict = judged(given.judge, images, labels, given.images, given.real, given.real_labels)
    return verdict._asdict()
