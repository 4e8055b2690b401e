"""Experiments on anomaly detection: which detector ranks them highest, do false-alarm rates hold."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import betabinom, binom
from sklearn.metrics import average_precision_score, roc_auc_score

from gscale.bench.anomaly.anomaly_sets import (
    AnomalySets,
    AnomalySplit,
    generated_sets,
    real_sets,
    sessions_split,
)
from gscale.bench.anomaly.detectors import detectors
from gscale.bench.provenance import provenance
from gscale.data import KDDCup99
from gscale.data.downloads.cache import fetch_files
from gscale.data.network_sessions import read_sessions
from gscale.errors import InputError
from gscale.estimators import GaussianizationDetector
from gscale.results.resumable import ResumableTable

RATES = (0.001, 0.01, 0.05)
_CONTAMINATION = 0.05
_FRESH = 20_000  # normal rows not fitted to, on which alarms are counted

Row = dict[str, Any]


def compare(
    experiment: str, folder: Path, file: Path, n_seeds: int, on_result: Callable[[str], None]
) -> Path:
    """Run an experiment and write its table; the rows it has already are not computed again.

    Parameters
    ----------
    experiment : str
        nsl-kdd, kddcup99, sets or alarms.
    folder : Path
        Of the table.
    file : Path
        KDDTest+.txt of NSL-KDD.
    n_seeds : int
        How often each split is drawn.
    on_result : callable
        Called with a line on each row.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    InputError
        If there is no such experiment, PyOD is not installed, there is no such file, or the table cannot be
        written.
    """
    experiments: dict[str, Callable[[], AnomalySets]] = {
        "nsl-kdd": lambda: _sessions("NSL-KDD", _nsl_kdd(file)),
        "kddcup99": lambda: _sessions("KDD Cup 99", read_sessions(*fetch_files(KDDCup99.card))),
        "sets": lambda: {**real_sets(), **generated_sets()},
        "alarms": lambda: {
            "NSL-KDD": partial(sessions_split, _nsl_kdd(file)),
            "correlated Laplace": _laplace,
            "skewed and integer": _skewed,
        },
    }
    if experiment not in experiments:
        raise InputError(f"there is no experiment {experiment!r}: it is one of {', '.join(experiments)}")
    key, rows_of = ("rate", _alarm_rows) if experiment == "alarms" else ("method", _score_rows)
    values = RATES if key == "rate" else tuple(detectors())
    table = ResumableTable(folder / f"{experiment}.parquet", ("dataset", "seed", key), provenance())
    for name, split_of in experiments[experiment]().items():
        for seed in range(n_seeds):
            missing = [value for value in values if not table.has(dataset=name, seed=seed, **{key: value})]
            for measured in rows_of(split_of(seed), seed, missing) if missing else ():
                row = {"dataset": name, "seed": seed, **measured}
                table.add(row)
                on_result(" ".join(f"{x:.4g}" if isinstance(x, float) else str(x) for x in row.values()))
    return table.path


def _score_rows(split: AnomalySplit, seed: int, methods: Sequence[Any]) -> Iterator[Row]:
    for method in methods:
        start = time.perf_counter()
        scores = detectors()[method](split, seed)
        yield {
            "method": method,
            "auroc": float(roc_auc_score(split.anomalous, scores)),
            "average_precision": float(average_precision_score(split.anomalous, scores)),
            "seconds": time.perf_counter() - start,
            "n_fitted": len(split.train),
            "n_tested": len(split.test),
            "n_columns": split.train.shape[1],
        }


def _alarm_rows(split: AnomalySplit, seed: int, rates: Sequence[Any]) -> Iterator[Row]:
    detector = GaussianizationDetector(random_state=seed).fit(split.train)
    p_values = detector.p_values(split.test[~split.anomalous])
    for rate in rates:
        yield alarm_counts(p_values, rate, len(detector.calibration_scores_))


def alarm_counts(p_values: np.ndarray, rate: float, n_calibration: int) -> Row:
    """Alarms among fresh normal rows, and between which counts 99 % of such counts lie.

    Parameters
    ----------
    p_values : np.ndarray
        Of normal rows (n,) that the detector has not seen.
    rate : float
        The false-alarm rate asked for.
    n_calibration : int
        Rows m that set the threshold.

    Returns
    -------
    dict
        ``alarms``, the number of p-values up to the rate; ``low`` and ``high``, the limits by the binomial
        law at the rate, as if the threshold were known; ``exact_low`` and ``exact_high``, those by the law
        where it is an order statistic of m rows, beta-binomial with k = ⌊rate (m + 1)⌋ and m + 1 − k.

    References
    ----------
    Vovk, "Conditional validity of inductive conformal predictors", ACML 2012.
    """
    n, k = len(p_values), int(np.floor(round(rate * (n_calibration + 1), 9)))
    low, high = binom(n, rate).ppf([0.005, 0.995])
    law = betabinom(n, k, n_calibration + 1 - k) if k else binom(n, 0.0)
    exact_low, exact_high = law.ppf([0.005, 0.995])
    return {
        "rate": rate,
        "n_fresh": n,
        "n_kept": n_calibration,
        "alarms": int((p_values <= rate).sum()),
        "low": int(low),
        "high": int(high),
        "exact_low": int(exact_low),
        "exact_high": int(exact_high),
    }


def _nsl_kdd(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise InputError(f"there is no file {file}: give KDDTest+.txt of NSL-KDD with --file")
    return read_sessions(file)


def _sessions(name: str, sessions: pd.DataFrame) -> AnomalySets:
    return {
        name: partial(sessions_split, sessions),
        f"{name}, contaminated": partial(sessions_split, sessions, contamination=_CONTAMINATION),
    }


def _laplace(seed: int) -> AnomalySplit:
    rng = np.random.default_rng(seed)
    return _all_normal(rng.laplace(size=(4 * _FRESH, 8)) @ rng.normal(size=(8, 8)))


def _skewed(seed: int) -> AnomalySplit:
    rng = np.random.default_rng(seed)
    x = np.exp(rng.normal(size=(4 * _FRESH, 3)) @ rng.normal(size=(3, 6)))
    x[:, ::2] = np.floor(5 * x[:, ::2])
    return _all_normal(x)


def _all_normal(x: np.ndarray) -> AnomalySplit:
    frame = pd.DataFrame(x).rename(columns=str)
    return AnomalySplit(frame[_FRESH:], frame[:_FRESH], np.zeros(_FRESH, bool))
