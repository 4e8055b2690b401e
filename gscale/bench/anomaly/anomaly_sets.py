"""Sets of normal rows and anomalies: labelled tables, generated anomalies around tables, network sessions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import gaussian_kde
from sklearn import datasets
from sklearn.mixture import GaussianMixture

KINDS = ("local", "global", "dependency", "cluster")
_SPREAD = 5.0  # covariances of local anomalies, and distances of clusters of them, over those of normal rows
_REACH = 1.1  # range of global anomalies, over that of normal rows
_MOST_COMPONENTS = 9
_ROWS = 1000  # normal rows drawn where they are generated
_ANOMALIES = 0.1  # share of the rows tested


@dataclass(frozen=True)
class AnomalySplit:
    """Normal rows to fit to, rows to test on, and which of these are anomalies.

    Attributes
    ----------
    train, test : pd.DataFrame
        Rows (N, C) and (M, C).
    anomalous : np.ndarray
        Whether a row of ``test`` is an anomaly (M,).
    """

    train: pd.DataFrame
    test: pd.DataFrame
    anomalous: np.ndarray


AnomalySets = dict[str, Callable[[int], AnomalySplit]]  # by name, each a function of the seed


def real_sets() -> AnomalySets:
    """Labelled tables that ship with scikit-learn, one class the anomalies."""
    return {
        "breast cancer: malignant": partial(_one_class, datasets.load_breast_cancer, 0),
        "wine: first region": partial(_one_class, datasets.load_wine, 0),
        "iris: virginica": partial(_one_class, datasets.load_iris, 2),
        "digits: nines": partial(_one_class, datasets.load_digits, 9),
    }


def generated_sets() -> AnomalySets:
    """Four kinds of anomalies around each of five tables that ship with scikit-learn, as ADBench makes them.

    References
    ----------
    Han et al., "ADBench: anomaly detection benchmark", NeurIPS 2022.
    """
    names = ("breast cancer", "wine", "iris", "digits", "diabetes")
    return {f"{name}: {kind}": partial(_generated, name, kind) for name in names for kind in KINDS}


def generated(x: np.ndarray, kind: str, seed: int) -> AnomalySplit:
    """Normal rows and anomalies of a kind around a table (N, C).

    Normal rows are those of the table for ``dependency``, elsewhere drawn from a Gaussian mixture fitted to
    it, of the number of components that BIC chooses. Anomalies are *local*, of the mixture with covariances
    times 5; *global*, uniform in the range of normal rows times 1.1; *cluster*, of the mixture with means
    times 5; and *dependency*, each column by itself of a kernel estimate of its density. ADBench draws the
    normal rows of the last from a vine copula.
    """
    rng = np.random.default_rng(seed)
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    x = x[:, x.std(0) > 0]
    mixture = _mixture(x, seed)
    normal = rng.permutation(x) if kind == "dependency" else mixture.sample(_ROWS)[0]
    rng.shuffle(normal)
    n_test = len(normal) * 3 // 10
    n_anomalies = max(round(n_test * _ANOMALIES / (1 - _ANOMALIES)), 10)
    anomalies = _anomalies(kind, normal, mixture, rng, n_anomalies)
    return _split(normal[n_test:], normal[:n_test], anomalies)


def sessions_split(sessions: pd.DataFrame, seed: int, contamination: float = 0.0) -> AnomalySplit:
    """Fit to 60 % of the normal network sessions, test on the others and on all attacks.

    With a contamination, that share of the rows fitted to are attacks, which are not tested on.
    """
    rng = np.random.default_rng(seed)
    attack = (sessions["label"] != "normal").to_numpy()
    x = sessions.drop(columns="label")
    normal, attacks = (rng.permutation(np.flatnonzero(which)) for which in (~attack, attack))
    n_fit = int(0.6 * len(normal))
    n_mixed = round(n_fit * contamination / (1 - contamination))
    fitted = np.concatenate([normal[:n_fit], attacks[:n_mixed]])
    return _split(x.iloc[fitted], x.iloc[normal[n_fit:]], x.iloc[attacks[n_mixed:]])


def _generated(name: str, kind: str, seed: int) -> AnomalySplit:
    return generated(_table(name), kind, seed)


@cache
def _table(name: str) -> np.ndarray:
    return np.asarray(getattr(datasets, f"load_{name.replace(' ', '_')}")().data, float)


def _one_class(load: Callable[[], Any], anomaly: int, seed: int) -> AnomalySplit:
    table = load()
    x, label = np.asarray(table.data), np.asarray(table.target)
    normal = np.random.default_rng(seed).permutation(x[label != anomaly])
    n_test = len(normal) * 3 // 10
    return _split(normal[n_test:], normal[:n_test], x[label == anomaly])


def _split(
    train: np.ndarray | pd.DataFrame, normal: np.ndarray | pd.DataFrame, anomalies: np.ndarray | pd.DataFrame
) -> AnomalySplit:
    test = pd.concat([pd.DataFrame(normal), pd.DataFrame(anomalies)], ignore_index=True)
    train = pd.DataFrame(train).reset_index(drop=True)
    is_anomaly = np.arange(len(test)) >= len(normal)
    return AnomalySplit(train.rename(columns=str), test.rename(columns=str), is_anomaly)


def _mixture(x: np.ndarray, seed: int) -> GaussianMixture:
    sizes = range(1, min(_MOST_COMPONENTS, len(x) // (2 * x.shape[1]) or 1) + 1)
    fits = [GaussianMixture(k, reg_covar=1e-3, random_state=seed).fit(x) for k in sizes]
    return min(fits, key=lambda fit: fit.bic(x))


def _anomalies(
    kind: str, normal: np.ndarray, mixture: GaussianMixture, rng: np.random.Generator, n: int
) -> np.ndarray:
    low, high = normal.min(0), normal.max(0)
    if kind == "global":
        middle, half = (low + high) / 2, (high - low) / 2 * _REACH
        return rng.uniform(middle - half, middle + half, (n, normal.shape[1]))
    if kind == "dependency":
        return np.stack([gaussian_kde(column).resample(n, rng)[0] for column in normal.T], 1)
    if kind == "local":
        mixture.covariances_ = mixture.covariances_ * _SPREAD
    else:
        mixture.means_ = mixture.means_ * _SPREAD
    return mixture.sample(n)[0]
