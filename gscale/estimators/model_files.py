"""Fitted estimators on disk: one .safetensors file each, with a description in its header."""

from pathlib import Path
from typing import Any

import numpy as np

from gscale.errors import InputError
from gscale.estimators.density import GaussianizationDensity
from gscale.estimators.detector import GaussianizationDetector
from gscale.estimators.table_checks import copy_names
from gscale.flows.serialisation import check_ending, load, save

_DENSITY_ATTRIBUTES = ("encoder_", "n_layers_", "losses_", "n_features_in_")
_DETECTOR_ATTRIBUTES = (
    *("flows_", "background_", "calibration_scores_", "decision_scores_", "labels_"),
    *("threshold_", "offset_", "false_alarm_rate_"),
)


def save_density(path: Path | str, density: GaussianizationDensity) -> None:
    """Write a fitted density to a .safetensors file, whole or not at all.

    Raises
    ------
    InputError
        If a spec is not of gscale, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> density = GaussianizationDensity(n_layers=1, random_state=0).fit(x)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_density(f"{folder}/mine.safetensors", density)
    ...     again = load_density(f"{folder}/mine.safetensors")
    >>> bool((again.score_samples(x) == density.score_samples(x)).all())
    True
    """
    check_ending(Path(path))
    content = {**_density_content(density), "flow_": density.flow_}
    save(path, "density", content, _summary(density))


def load_density(path: Path | str) -> GaussianizationDensity:
    """Read a density that `save_density` wrote.

    Raises
    ------
    InputError
        If it is no such file, or a damaged one.
    """
    content = load(path, "density")
    density = _density(path, content)
    density.flow_ = content["flow_"]
    return density


def save_detector(path: Path | str, detector: GaussianizationDetector) -> None:
    """Write a fitted detector to a .safetensors file, whole or not at all.

    Raises
    ------
    InputError
        If a spec is not of gscale, or the file cannot be written.
    """
    check_ending(Path(path))
    content = {
        **{name: getattr(detector, name) for name in _DETECTOR_ATTRIBUTES},
        "density": _density_content(detector.density_),
        "parameters": {**_parameters(detector), "density": None},
    }
    summary = {
        **_summary(detector.density_),
        "flows": len(detector.flows_),
        "rows_for_calibration": len(detector.calibration_scores_),
        "false_alarm_rate": detector.false_alarm_rate_,
    }
    save(path, "detector", content, summary)


def load_detector(path: Path | str) -> GaussianizationDetector:
    """Read a detector that `save_detector` wrote.

    Raises
    ------
    InputError
        If it is no such file, or a damaged one.
    """
    content = load(path, "detector")
    density = _density(path, content["density"])
    detector = GaussianizationDetector(**content["parameters"])
    detector.density = GaussianizationDensity(**density.get_params())
    detector.density_ = density
    for name in _DETECTOR_ATTRIBUTES:
        setattr(detector, name, content[name])
    density.flow_ = detector.flows_[0]
    copy_names(density, detector)
    return detector


def _density_content(density: GaussianizationDensity) -> dict[str, Any]:
    names = getattr(density, "feature_names_in_", None)
    return {
        "parameters": _parameters(density),
        "names": None if names is None else [str(name) for name in names],
        **{name: getattr(density, name) for name in _DENSITY_ATTRIBUTES},
    }


def _parameters(estimator: GaussianizationDensity | GaussianizationDetector) -> dict[str, Any]:
    """The parameters, without a RandomState, whose state has changed since."""
    parameters: dict[str, Any] = estimator.get_params(deep=False)
    if isinstance(parameters["random_state"], np.random.RandomState):
        parameters["random_state"] = None
    return parameters


def _density(path: Path | str, content: dict[str, Any]) -> GaussianizationDensity:
    try:
        density = GaussianizationDensity(**content["parameters"])
        for name in _DENSITY_ATTRIBUTES:
            setattr(density, name, content[name])
        names = content["names"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} lacks what a fitted density has: {error}") from None
    if names is not None:
        density.feature_names_in_ = np.array(names, object)
    return density


def _summary(density: GaussianizationDensity) -> dict[str, Any]:
    encoder = density.encoder_
    return {
        "columns": [
            {"name": column.name, "kind": type(column).__name__, "coordinates": column.width}
            for column in encoder.columns
        ],
        "coordinates": encoder.dim,
        "layers": density.n_layers_,
        "loss_train": float(density.losses_["train"][-1]),
        "spec": {name: repr(value) for name, value in _parameters(density).items()},
    }
