"""Anomaly detectors side by side, all with their defaults: scores of test rows, higher where stranger."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gscale.bench.anomaly.anomaly_sets import Split
from gscale.errors import InputError
from gscale.estimators import GaussianizationDetector

Method = Callable[[Split, int], np.ndarray]

OURS = "Gaussianization"
# name: module of PyOD, class, whether it takes a seed, other arguments
_PYOD: dict[str, tuple[str, str, bool, dict[str, Any]]] = {
    "IForest": ("iforest", "IForest", True, {}),
    "ECOD": ("ecod", "ECOD", False, {}),
    "COPOD": ("copod", "COPOD", False, {}),
    "HBOS": ("hbos", "HBOS", False, {}),
    "KNN": ("knn", "KNN", False, {}),
    "LOF": ("lof", "LOF", False, {}),
    "OCSVM": ("ocsvm", "OCSVM", False, {}),
    "GMM": ("gmm", "GMM", True, {}),
    "PCA": ("pca", "PCA", True, {}),
}


def methods() -> dict[str, Method]:
    """The detector of gscale and nine of PyOD.

    Raises
    ------
    InputError
        If PyOD is not installed.
    """
    try:
        import_module("pyod")
    except ImportError:
        raise InputError("the comparison needs PyOD: pip install 'gscale[anomaly]'") from None
    return {OURS: _ours, **{name: _pyod(*found) for name, found in _PYOD.items()}}


def _ours(split: Split, seed: int) -> np.ndarray:
    return -GaussianizationDetector(random_state=seed).fit(split.train).score_samples(split.test)


def _pyod(module: str, name: str, seeded: bool, options: dict[str, Any]) -> Method:
    def scores(split: Split, seed: int) -> np.ndarray:
        kind = getattr(import_module(f"pyod.models.{module}"), name)
        detector = kind(**options, **({"random_state": seed} if seeded else {}))
        prepared = _prepared(split.train).fit(split.train)
        detector.fit(prepared.transform(split.train))
        found = np.asarray(detector.decision_function(prepared.transform(split.test)), float)
        # PCA divides by variances that may be zero
        return np.nan_to_num(found, nan=0.0, posinf=np.finfo(float).max)

    return scores


def _prepared(train: pd.DataFrame) -> Any:
    """Categories one-hot, all columns with the mean 0 and variance 1 of the rows fitted to."""
    texts = list(train.select_dtypes(exclude="number").columns)
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(make_column_transformer((hot, texts), remainder="passthrough"), StandardScaler())
