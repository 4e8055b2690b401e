"""The page of a scored table: how anomalous its rows are, which are alarms, and how good these are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from gscale.figures.html.page import Section, Table, write_page
from gscale.figures.spec import MAX_POINTS, Axis, Panel, Series, category, steps

_BINS = 60
_MOST_ALARMS = 50
_RATES = (0.001, 0.01, 0.05, 0.1)
_LEAD = "How anomalous rows are to a Gaussianization of normal ones."


@dataclass(frozen=True)
class Scored:
    """Rows with their scores, and what is known of them.

    Attributes
    ----------
    table : DataFrame
        With the columns ``row``, ``anomaly_score``, ``p_value``, ``alarm`` and ``reasons``.
    anomalous : array of bool, shape (N,), or None
        Which rows are anomalies; None where that is not known.
    threshold : float
        The score above which rows are alarms.
    rate : float
        The false-alarm rate that was asked for.
    """

    table: pd.DataFrame
    anomalous: np.ndarray | None
    threshold: float
    rate: float


def write_anomalies(scored: Scored, kl: np.ndarray | None, path: Path, title: str) -> Path:
    """Write the page of scored rows, whole or not at all, and return its path.

    ``kl`` (L + 2,) is what is left of the divergence of rows from normal, in nats, before and after each map.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    sections = [
        Section("scores", "Scores", panels=[_histogram(scored)]),
        Section("rates", "Alarms", table=_rates(scored)),
    ]
    if scored.anomalous is not None:
        panels = _separation(scored.anomalous, scored.table["anomaly_score"].to_numpy())
        sections.append(Section("apart", "How well scores separate them", panels=panels))
    alarms = scored.table[scored.table["alarm"]].nlargest(_MOST_ALARMS, "anomaly_score")
    text = "No row is an alarm." if alarms.empty else ""
    sections.append(Section("reasons", "The most anomalous rows", text, _reasons(alarms)))
    if kl is not None:
        sections.append(Section("fit", "How Gaussian the fit makes rows", panels=[_fit(kl)]))
    return write_page(path, title, _LEAD, _summary(scored), sections)


def _summary(scored: Scored) -> str:
    known = (
        "" if scored.anomalous is None else f", {scored.anomalous.sum():,} of them anomalies by their label"
    )
    alarms = int(scored.table["alarm"].sum())
    return f"{len(scored.table):,} rows{known}; {alarms:,} alarms at a false-alarm rate of {scored.rate:g}."


def _kinds(scored: Scored) -> dict[str, np.ndarray]:
    """Which rows (N,) are of each kind that is known."""
    if scored.anomalous is None:
        return {"all rows": np.ones(len(scored.table), bool)}
    return {"normal": ~scored.anomalous, "anomalies": scored.anomalous}


def _histogram(scored: Scored) -> Panel:
    scores = scored.table["anomaly_score"].to_numpy()
    low, high = np.quantile(scores, [0.0, 0.99])
    high = max(high, scored.threshold + 0.1 * abs(high - low), low + 1e-6)
    edges = np.linspace(low, high, _BINS + 1)
    clipped, series = np.clip(scores, edges[0], edges[-1]), []
    for i, (name, kind) in enumerate(_kinds(scored).items()):
        shares = np.histogram(clipped[kind], edges)[0] / max(kind.sum(), 1)
        series.append(steps(name, shares, edges, category(i)))
    top = max(float(one.y.max()) for one in series)
    line = Series("threshold", np.full(2, scored.threshold), np.array([0, top]), dash="dash")
    note = f"Shares of rows; those beyond {high:.4g} are in the last bin. Above the threshold are alarms."
    axes = Axis("anomaly score (nats)"), Axis("share of rows", zero=True)
    return Panel("Anomaly scores", note, *axes, (*series, line))


def _rates(scored: Scored) -> Table:
    header = ["false-alarm rate asked for", *(f"alarms, {name}" for name in _kinds(scored))]
    p_values = scored.table["p_value"].to_numpy()
    rows = [
        [f"{rate:.1%}", *(f"{(p_values[kind] <= rate).mean():.2%}" for kind in _kinds(scored).values())]
        for rate in _RATES
    ]
    return Table(header, rows)


def _separation(anomalous: np.ndarray, scores: np.ndarray) -> list[Panel]:
    """The curves that show how well scores separate anomalies from normal rows, beside those by chance."""
    false_alarms, hits, _ = roc_curve(anomalous, scores)
    precision, recall, _ = precision_recall_curve(anomalous, scores)
    area, mean = roc_auc_score(anomalous, scores), average_precision_score(anomalous, scores)
    ends, share = np.arange(2), float(anomalous.mean())
    roc = f"Area under the curve {area:.4f}: the chance that an anomaly has a higher score than a normal row."
    pr = f"Average precision {mean:.4f}; by chance {share:.4f}."
    normal, among = Axis("alarms among normal rows"), Axis("alarms among anomalies", zero=True)
    of_alarms = Axis("precision: anomalies among alarms", zero=True)
    curves = _curve("rows", false_alarms, hits), _curve("by chance", ends, ends, "dot")
    others = _curve("rows", recall, precision), _curve("by chance", ends, np.full(2, share), "dot")
    return [
        Panel("ROC", roc, normal, among, curves),
        Panel("Precision and recall", pr, Axis("recall: alarms among anomalies"), of_alarms, others),
    ]


def _curve(name: str, x: np.ndarray, y: np.ndarray, dash: str = "solid") -> Series:
    at = np.unique(np.linspace(0, len(x) - 1, MAX_POINTS).round().astype(int))
    return Series(name, x[at], y[at], colour=category(0), dash=dash)


def _reasons(alarms: pd.DataFrame) -> Table:
    columns = (alarms[name] for name in ("row", "anomaly_score", "p_value", "reasons"))
    rows = [
        [f"{row:,}", f"{score:.1f}", f"{p:.2g}", text] for row, score, p, text in zip(*columns, strict=True)
    ]
    header = ["row, from 0", "anomaly score", "p-value", "columns, and by how much they raise the score"]
    return Table(header, rows)


def _fit(kl: np.ndarray) -> Panel:
    finite = np.isfinite(kl)
    note = (
        "Divergence from the standard normal in single coordinates and correlations, of rows as they are "
        "encoded (0), after the map in front (1) and each layer; what noise leaves goes on for ever."
    )
    line = Series("rows", np.flatnonzero(finite).astype(float), kl[finite], mode="lines+markers")
    return Panel("KL to the normal distribution", note, Axis("maps"), Axis("nats", zero=True), (line,))
