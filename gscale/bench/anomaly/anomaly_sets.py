"""Sets of normal rows and anomalies: labelled tables, generated anomalies around tables, network sessions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import gaussian_kde
from sklearn.datasets import (
    fetch_kddcup99,
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.mixture import GaussianMixture

from gscale.errors import InputError

KINDS = ("local", "global", "dependency", "cluster")
_SPREAD = 5.0  # covariances of local anomalies, and distances of clusters of them, over those of normal rows
_REACH = 1.1  # of global anomalies, over the range of normal rows
_MOST_COMPONENTS = 9
_ROWS = 1000  # normal rows drawn where they are generated
_ANOMALIES = 0.1  # of the rows tested
_SESSION = 41  # columns of a network session


@dataclass(frozen=True)
class Split:
    """Normal rows to fit to, rows to test on, and which of these are anomalies."""

    train: pd.DataFrame
    test: pd.DataFrame
    anomalous: np.ndarray


def real_sets() -> dict[str, Callable[[int], Split]]:
    """Labelled tables that ship with scikit-learn, one class the anomalies."""
    return {
        "breast cancer: malignant": lambda seed: _of_class(load_breast_cancer, 0, seed),
        "wine: first region": lambda seed: _of_class(load_wine, 0, seed),
        "iris: virginica": lambda seed: _of_class(load_iris, 2, seed),
        "digits: nines": lambda seed: _of_class(load_digits, 9, seed),
    }


def generated_sets() -> dict[str, Callable[[int], Split]]:
    """Four kinds of anomalies around each of five tables that ship with scikit-learn, as ADBench makes them.

    References
    ----------
    Han et al., "ADBench: anomaly detection benchmark", NeurIPS 2022.
    """
    return {f"{name}: {kind}": partial(_around, name, kind) for name in _TABLES for kind in KINDS}


def _around(name: str, kind: str, seed: int) -> Split:
    return generated(_table(name), kind, seed)


def generated(x: np.ndarray, kind: str, seed: int) -> Split:
    """Normal rows and anomalies of a kind around a table (N, C).

    Normal rows are the table's own for ``dependency``, elsewhere of a Gaussian mixture fitted to it, of the
    number of components that BIC chooses. Anomalies are *local*, of the mixture with covariances times 5;
    *global*, uniform in the range of normal rows times 1.1; *cluster*, of the mixture with means times 5; and
    *dependency*, each column by itself of a kernel estimate of its density. ADBench draws the normal
    rows of the last from a vine copula.
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


def network_sessions(path: Path) -> pd.DataFrame:
    """Sessions of NSL-KDD in a file as published, or with a header: 41 columns and ``label``.

    Raises
    ------
    InputError
        If there is no such file, or it has other columns.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}: give KDDTest+.txt of NSL-KDD with --file")
    frame = pd.read_csv(path, header=None, skipinitialspace=True, low_memory=False)
    if str(frame.iloc[0, 0]) == "duration":
        frame = pd.read_csv(path, skipinitialspace=True)
        names = [str(name).strip() for name in frame.columns]
    else:
        names = [f"{i}" for i in range(frame.shape[1])]
    if len(names) < _SESSION + 1:
        raise InputError(
            f"{path} has {len(names)} columns: sessions of NSL-KDD have {_SESSION} and their label"
        )
    return frame.set_axis([*names[:_SESSION], "label", *names[_SESSION + 1 :]], axis=1).iloc[
        :, : _SESSION + 1
    ]


def kdd_cup_99() -> pd.DataFrame:
    """Sessions of KDD Cup 1999, the tenth that scikit-learn fetches: 41 columns and ``label``."""
    frame = fetch_kddcup99(percent10=True, as_frame=True).frame
    texts = frame.select_dtypes(object).columns
    decoded = {
        name: frame[name].map(lambda value: getattr(value, "decode", lambda: value)()) for name in texts
    }
    frame = frame.assign(**decoded).rename(columns={"labels": "label"}).convert_dtypes()
    return frame.assign(label=frame["label"].str.rstrip("."))


def sessions_split(sessions: pd.DataFrame, seed: int, contamination: float = 0.0) -> Split:
    """Fit to 60 % of the normal sessions, test on the others and on all attacks.

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


_TABLES: dict[str, Callable[[], Any]] = {
    "breast cancer": load_breast_cancer,
    "wine": load_wine,
    "iris": load_iris,
    "digits": load_digits,
    "diabetes": load_diabetes,
}


@cache
def _table(name: str) -> np.ndarray:
    return np.asarray(_TABLES[name]().data, float)


def _of_class(load: Callable[[], Any], anomaly: int, seed: int) -> Split:
    found = load()
    x, label = np.asarray(found.data), np.asarray(found.target)
    normal = np.random.default_rng(seed).permutation(x[label != anomaly])
    n_test = len(normal) * 3 // 10
    return _split(normal[n_test:], normal[:n_test], x[label == anomaly])


def _split(
    train: np.ndarray | pd.DataFrame, normal: np.ndarray | pd.DataFrame, anomalies: np.ndarray | pd.DataFrame
) -> Split:
    test = pd.concat([pd.DataFrame(normal), pd.DataFrame(anomalies)], ignore_index=True)
    train = pd.DataFrame(train).reset_index(drop=True)
    frames = [frame.rename(columns=str) for frame in (train, test)]
    return Split(frames[0], frames[1], np.arange(len(test)) >= len(normal))


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
