"""Experiments on anomaly detection: which detector tells anomalies apart, and do false-alarm rates hold."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import betabinom, binom
from sklearn.metrics import average_precision_score, roc_auc_score

from gscale.bench.anomaly.anomaly_sets import (
    Split,
    generated_sets,
    kdd_cup_99,
    network_sessions,
    real_sets,
    sessions_split,
)
from gscale.bench.anomaly.detectors import methods
from gscale.errors import InputError
from gscale.estimators import GaussianizationDetector
from gscale.results.tables import write_whole

RATES = (0.001, 0.01, 0.05)
_CONTAMINATION = 0.05
_FRESH = 20_000

Tell = Callable[[str], None]
Named = dict[str, Callable[[int], Split]]


def compare(experiment: str, folder: Path, file: Path, n_seeds: int, tell: Tell) -> Path:
    """Run an experiment and write its table; what is in the table already is not run again.

    Parameters
    ----------
    experiment : str
        nsl-kdd, kddcup99, sets or alarms.
    folder : Path
        Where its table is to be.
    file : Path
        KDDTest+.txt of NSL-KDD.
    n_seeds : int
    tell : callable
        Is told each row as it is there.

    Raises
    ------
    InputError
        If there is no such experiment, PyOD is not installed, or there is no such file.
    """
    makers: dict[str, Callable[[], Named]] = {
        "nsl-kdd": lambda: _sessions("NSL-KDD", network_sessions(file)),
        "kddcup99": lambda: _sessions("KDD Cup 99", kdd_cup_99()),
        "sets": lambda: {**real_sets(), **generated_sets()},
        "alarms": lambda: {
            "NSL-KDD": _sessions("NSL-KDD", network_sessions(file))["NSL-KDD"],
            **_synthetic(),
        },
    }
    if experiment not in makers:
        raise InputError(f"there is no experiment {experiment!r}: it is one of {', '.join(makers)}")
    path = folder / f"{experiment}.parquet"
    before = pd.read_parquet(path) if path.is_file() else pd.DataFrame()
    rows = before.to_dict("records")
    found = _alarms if experiment == "alarms" else _compared
    for row in found(makers[experiment](), n_seeds, {_key(row) for row in rows}):
        rows.append(row)
        tell(" ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, pd.DataFrame(rows).to_parquet(index=False))
    return path


def _key(row: dict[str, object]) -> tuple[object, ...]:
    return row["dataset"], row["seed"], row.get("method")


def _compared(sets: Named, n_seeds: int, there: set[tuple[object, ...]]) -> Iterator[dict[str, object]]:
    for name, split_of in sets.items():
        for seed in range(n_seeds):
            split = split_of(seed)
            for method, scores_of in methods().items():
                if (name, seed, method) not in there:
                    yield {
                        "dataset": name,
                        "seed": seed,
                        "method": method,
                        **_measured(split, seed, scores_of),
                    }


def _measured(split: Split, seed: int, scores_of: Callable[[Split, int], np.ndarray]) -> dict[str, object]:
    begun = time.perf_counter()
    scores = scores_of(split, seed)
    return {
        "auroc": float(roc_auc_score(split.anomalous, scores)),
        "average_precision": float(average_precision_score(split.anomalous, scores)),
        "seconds": time.perf_counter() - begun,
        "n_fitted": len(split.train),
        "n_tested": len(split.test),
        "n_columns": split.train.shape[1],
    }


def _alarms(sets: Named, n_seeds: int, there: set[tuple[object, ...]]) -> Iterator[dict[str, object]]:
    for name, split_of in sets.items():
        for seed in range(n_seeds):
            if (name, seed, None) in there:
                continue
            split = split_of(seed)
            detector = GaussianizationDetector(random_state=seed).fit(split.train)
            p_values = detector.p_values(split.test[~split.anomalous])
            n_kept = len(detector.calibration_scores_)
            for rate in RATES:
                yield {"dataset": name, "seed": seed, **alarms(p_values, rate, n_kept)}


def alarms(p_values: np.ndarray, rate: float, n_kept: int) -> dict[str, object]:
    """Alarms among fresh normal rows, and between which counts 99 % of such counts lie.

    By binomial law at the rate asked for, as if the threshold were known; and by the law that it has where
    the threshold is itself an order statistic of ``n_kept`` rows, beta-binomial.
    """
    n, k = len(p_values), int(np.floor(round(rate * (n_kept + 1), 9)))
    low, high = binom(n, rate).ppf([0.005, 0.995])
    law = betabinom(n, k, n_kept + 1 - k) if k else binom(n, 0.0)
    exact_low, exact_high = law.ppf([0.005, 0.995])
    return {
        "rate": rate,
        "n_fresh": n,
        "n_kept": n_kept,
        "alarms": int((p_values <= rate).sum()),
        "low": int(low),
        "high": int(high),
        "exact_low": int(exact_low),
        "exact_high": int(exact_high),
    }


def _sessions(name: str, sessions: pd.DataFrame) -> Named:
    return {
        name: lambda seed: sessions_split(sessions, seed),
        f"{name}, contaminated": lambda seed: sessions_split(sessions, seed, _CONTAMINATION),
    }


def _synthetic() -> Named:
    return {"correlated Laplace": _laplace, "skewed and integer": _skewed}


def _laplace(seed: int) -> Split:
    rng = np.random.default_rng(seed)
    return _normal_rows(rng.laplace(size=(4 * _FRESH, 8)) @ rng.normal(size=(8, 8)))


def _skewed(seed: int) -> Split:
    rng = np.random.default_rng(seed)
    x = np.exp(rng.normal(size=(4 * _FRESH, 3)) @ rng.normal(size=(3, 6)))
    x[:, ::2] = np.floor(5 * x[:, ::2])
    return _normal_rows(x)


def _normal_rows(x: np.ndarray) -> Split:
    frame = pd.DataFrame(x).rename(columns=str)
    return Split(frame[_FRESH:], frame[:_FRESH], np.zeros(_FRESH, bool))
