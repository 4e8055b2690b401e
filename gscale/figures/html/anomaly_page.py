"""The page of a scored table: how strange its rows are, which are alarms, and how well that tells them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from plotly.offline import get_plotlyjs
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from gscale.figures.html.html_cells import html_table
from gscale.figures.html.page_frame import Section, drawn_at, framed, write_page
from gscale.figures.spec import MAX_POINTS, Axis, Figure, Series, category

_BINS = 60
_MOST_ALARMS = 50
_RATES = (0.001, 0.01, 0.05, 0.1)
_LEAD = "How strange rows are to a Gaussianization of normal ones."


@dataclass(frozen=True)
class Scored:
    """Rows with ``row``, ``strangeness``, ``p_value``, ``alarm`` and ``reasons``, and what is known of them.

    ``anomalous`` (N,) says which are anomalies, None where that is not known.
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
        Section("scores", "Scores", _figures([_histogram(scored)], "scores")),
        Section("rates", "Alarms", _rates(scored)),
        Section("apart", "How well they are told apart", _apart(scored)),
        Section("reasons", "The strangest rows", _strangest(scored)),
        Section("fit", "How Gaussian the fit makes rows", _figures(_fit(kl), "fit")),
    ]
    present = [section for section in sections if section.body]
    return write_page(path, framed(title, _LEAD, _summary(scored), present, get_plotlyjs()))


def _summary(scored: Scored) -> str:
    known = (
        "" if scored.anomalous is None else f", {scored.anomalous.sum():,} of them anomalies by their label"
    )
    alarms = int(scored.table["alarm"].sum())
    return f"{len(scored.table):,} rows{known}; {alarms:,} alarms at a false-alarm rate of {scored.rate:g}."


def _figures(figures: list[Figure], name: str) -> str:
    panels = "\n".join(drawn_at(figure, f"{name}-{i}") for i, figure in enumerate(figures))
    return f'<div class="figures">\n{panels}\n</div>' if figures else ""


def _kinds(scored: Scored) -> Iterator[tuple[str, np.ndarray]]:
    if scored.anomalous is None:
        yield "all rows", np.ones(len(scored.table), bool)
    else:
        yield "normal", ~scored.anomalous
        yield "anomalies", scored.anomalous


def _histogram(scored: Scored) -> Figure:
    scores = scored.table["strangeness"].to_numpy()
    low, high = np.quantile(scores, [0.0, 0.99])
    high = max(high, scored.threshold + 0.1 * abs(high - low), low + 1e-6)
    edges = np.linspace(low, high, _BINS + 1)
    series = [_steps(name, scores[kind], edges, i) for i, (name, kind) in enumerate(_kinds(scored))]
    top = max(float(one.y.max()) for one in series)
    line = Series("threshold", np.full(2, scored.threshold), np.array([0, top]), dash="dash")
    note = f"Shares of rows; those beyond {high:.4g} are in the last bin. Above the threshold are alarms."
    axes = Axis("strangeness (nats)"), Axis("share of rows", zero=True)
    return Figure("Strangeness", note, *axes, (*series, line))


def _steps(name: str, scores: np.ndarray, edges: np.ndarray, i: int) -> Series:
    counts = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0] / max(len(scores), 1)
    return Series(name, np.repeat(edges, 2)[1:-1], np.repeat(counts, 2), colour=category(i))


def _rates(scored: Scored) -> str:
    header = ["false-alarm rate asked for", *(f"alarms, {name}" for name, _ in _kinds(scored))]
    p_values = scored.table["p_value"].to_numpy()
    rows = [
        [f"{rate:.1%}", *(f"{(p_values[kind] <= rate).mean():.2%}" for _, kind in _kinds(scored))]
        for rate in _RATES
    ]
    return html_table(header, rows)


def _apart(scored: Scored) -> str:
    if scored.anomalous is None:
        return ""
    labels, scores = scored.anomalous, scored.table["strangeness"].to_numpy()
    false_alarms, hits, _ = roc_curve(labels, scores)
    precision, recall, _ = precision_recall_curve(labels, scores)
    area, mean = roc_auc_score(labels, scores), average_precision_score(labels, scores)
    share = float(labels.mean())
    roc = Figure(
        "ROC",
        f"Area under the curve {area:.4f}: the chance that an anomaly is stranger than a normal row.",
        Axis("alarms among normal rows"),
        Axis("alarms among anomalies", zero=True),
        (_curve("rows", false_alarms, hits), _curve("by chance", np.arange(2), np.arange(2), "dot")),
    )
    pr = Figure(
        "Precision and recall",
        f"Average precision {mean:.4f}; by chance {share:.4f}.",
        Axis("recall: alarms among anomalies"),
        Axis("precision: anomalies among alarms", zero=True),
        (_curve("rows", recall, precision), _curve("by chance", np.arange(2), np.full(2, share), "dot")),
    )
    return _figures([roc, pr], "apart")


def _curve(name: str, x: np.ndarray, y: np.ndarray, dash: str = "solid") -> Series:
    kept = np.unique(np.linspace(0, len(x) - 1, MAX_POINTS).round().astype(int))
    return Series(name, np.asarray(x)[kept], np.asarray(y)[kept], colour=category(0), dash=dash)


def _strangest(scored: Scored) -> str:
    alarms = scored.table[scored.table["alarm"]].nlargest(_MOST_ALARMS, "strangeness")
    rows = [
        [f"{row:,}", f"{strangeness:.1f}", f"{p:.2g}", reasons]
        for row, strangeness, p, reasons in alarms[["row", "strangeness", "p_value", "reasons"]].itertuples(
            index=False
        )
    ]
    header = ["row, from 0", "strangeness", "p-value", "columns, and by how much they make it strange"]
    return html_table(header, rows) if rows else "<p>No row is an alarm.</p>"


def _fit(kl: np.ndarray | None) -> list[Figure]:
    if kl is None:
        return []
    finite = np.isfinite(kl)
    note = (
        "Divergence from the standard normal in single coordinates and correlations, of rows as they are "
        "encoded (0), after the map in front (1) and each layer; what noise leaves goes on for ever."
    )
    line = Series("rows", np.flatnonzero(finite).astype(float), kl[finite], mode="lines+markers")
    return [Figure("KL to the normal distribution", note, Axis("maps"), Axis("nats", zero=True), (line,))]
