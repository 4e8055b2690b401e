"""Tables of scored rows, and how well scores separate anomalies from normal rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from gscale.errors import InputError
from gscale.estimators.detector import GaussianizationDetector


def score_table(detector: GaussianizationDetector, frame: pd.DataFrame, n_reasons: int = 3) -> pd.DataFrame:
    """Score the rows of a table.

    Parameters
    ----------
    detector : GaussianizationDetector
        A fitted one.
    frame : DataFrame, shape (N, C)
        Rows with the columns of the fit.
    n_reasons : int
        Columns to name for each alarm, those with the largest contributions.

    Returns
    -------
    DataFrame, N rows
        ``anomaly_score``, ``p_value``, ``alarm`` and ``reasons``: for alarms, columns with their
        contributions.

    Examples
    --------
    >>> x = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 2)), columns=["a", "b"])
    >>> detector = GaussianizationDetector(n_flows=1, random_state=0).fit(x)
    >>> table = score_table(detector, x.assign(b=99.0)[:1], n_reasons=1)
    >>> list(table), bool(table["alarm"][0]), table["reasons"][0][:2]
    (['anomaly_score', 'p_value', 'alarm', 'reasons'], True, 'b ')
    """
    scores = -detector.score_samples(frame)
    alarm = scores > detector.threshold_
    reasons = np.full(len(frame), "", object)
    if n_reasons > 0 and alarm.any():
        names, texts = list(frame.columns), []
        for row in detector.contributions(frame[alarm]):
            largest = np.argsort(-row)[:n_reasons]
            texts.append("; ".join(f"{names[i]} {row[i]:.1f}" for i in largest if row[i] > 0))
        reasons[alarm] = texts
    return pd.DataFrame(
        {
            "anomaly_score": scores,
            "p_value": detector.p_values_of(scores),
            "alarm": alarm,
            "reasons": reasons.astype(str),
        }
    )


@dataclass(frozen=True)
class Separation:
    """How well scores separate anomalies from normal rows.

    Attributes
    ----------
    auroc, average_precision : float
        Area under the ROC curve, and under that of precision and recall.
    normal_alarms, anomaly_alarms : float
        Shares of alarms among normal rows and among anomalies.
    """

    auroc: float
    average_precision: float
    normal_alarms: float
    anomaly_alarms: float


def separation(table: pd.DataFrame, is_anomaly: np.ndarray) -> Separation:
    """How well the table of `score_table` separates anomalies, of which (N,) is known which they are."""
    scores, alarm = table["anomaly_score"], table["alarm"].to_numpy()
    return Separation(
        float(roc_auc_score(is_anomaly, scores)),
        float(average_precision_score(is_anomaly, scores)),
        float(alarm[~is_anomaly].mean()),
        float(alarm[is_anomaly].mean()),
    )


def anomalies(labels: pd.Series, normal: str) -> np.ndarray:
    """Which rows are anomalies (N,): those with another label than normal ones.

    Raises
    ------
    InputError
        If all rows are anomalies, or none is.
    """
    is_anomaly: np.ndarray = labels.astype(str).to_numpy() != normal
    if is_anomaly.all() or not is_anomaly.any():
        how_many = "all" if is_anomaly.any() else "none"
        raise InputError(
            f"{how_many} of the rows are anomalies, by column {labels.name!r} with {normal!r} for normal "
            "ones: both kinds are needed to measure how well scores separate them"
        )
    return is_anomaly
