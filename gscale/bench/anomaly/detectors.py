"""Anomaly detectors side by side, all with their defaults: scores of test rows, higher for anomalies."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gscale.bench.anomaly.anomaly_sets import AnomalySplit
from gscale.errors import InputError
from gscale.estimators import GaussianizationDetector

Detector = Callable[[AnomalySplit, int], np.ndarray]  # anomaly scores (M,) of the test rows, by a seed

OURS = "Gaussianization"
# Classes of PyOD, each in the module of its name in lower case, and whether they take a seed.
_PYOD = {
    "IForest": True,
    "ECOD": False,
    "COPOD": False,
    "HBOS": False,
    "KNN": False,
    "LOF": False,
    "OCSVM": False,
    "GMM": True,
    "PCA": True,
}


def detectors() -> dict[str, Detector]:
    """The detector of gscale and nine of PyOD, by name.

    Raises
    ------
    InputError
        If PyOD is not installed.
    """
    try:
        import_module("pyod")
    except ImportError:
        raise InputError("the comparison needs PyOD: pip install 'gscale[anomaly]'") from None
    return {OURS: _ours, **{name: _of_pyod(name, seeded) for name, seeded in _PYOD.items()}}


def _ours(split: AnomalySplit, seed: int) -> np.ndarray:
    return -GaussianizationDetector(random_state=seed).fit(split.train).score_samples(split.test)


def _of_pyod(name: str, seeded: bool) -> Detector:
    def scores(split: AnomalySplit, seed: int) -> np.ndarray:
        kind = getattr(import_module(f"pyod.models.{name.lower()}"), name)
        detector = kind(random_state=seed) if seeded else kind()
        preprocessing = _preprocessing(split.train).fit(split.train)
        detector.fit(preprocessing.transform(split.train))
        scores = np.asarray(detector.decision_function(preprocessing.transform(split.test)), float)
        # PCA divides by variances that may be zero
        return np.nan_to_num(scores, nan=0.0, posinf=np.finfo(float).max)

    return scores


def _preprocessing(train: pd.DataFrame) -> Any:
    """Categories one-hot, then all columns with the mean 0 and variance 1 of the rows fitted to."""
    text = list(train.select_dtypes(exclude="number").columns)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((one_hot, text), remainder="passthrough")
    return make_pipeline(columns, StandardScaler())
