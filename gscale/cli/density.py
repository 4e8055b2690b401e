"""The ``gscale density`` and ``gscale detect`` commands: models of a table's rows, and rows unlike them."""

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from gscale.data.readers import read_table
from gscale.errors import InputError
from gscale.estimators import (
    Frequency,
    GaussianizationDensity,
    GaussianizationDetector,
    Impute,
    OneHot,
    Raise,
    load_density,
    load_detector,
    save_density,
    save_detector,
)
from gscale.flows.serialisation import check_ending, write_whole

density_app = typer.Typer(no_args_is_help=True, help="The density of a table's rows, by Gaussianization.")
detect_app = typer.Typer(no_args_is_help=True, help="Rows unlike others, with p-values and reasons.")

Rows = Annotated[Path, typer.Argument(help="Rows: a .csv, .parquet, .npy or .npz.")]
Model = Annotated[Path, typer.Argument(help="A model, the .safetensors that fit wrote.")]
ModelOut = Annotated[Path, typer.Option("--out", help="The model to write, a .safetensors.")]
TableOut = Annotated[Path, typer.Option("--out", help="The table to write, a .parquet or .csv.")]
Chosen = Annotated[str | None, typer.Option("--columns", help="Some columns, such as a,b; all if not given.")]
Without = Annotated[str, typer.Option("--without", help="Columns to leave out, such as label.")]
Named = Annotated[str, typer.Option("--categories", help="Columns of numbers that are categories.")]
ByFrequency = Annotated[
    bool, typer.Option("--frequency", help="Categories by their frequency, not a coordinate for each.")
]
Fill = Annotated[bool, typer.Option("--impute", help="Fill missing values: median, most frequent category.")]
Layers = Annotated[int, typer.Option(help="Layers at most.")]
Seed = Annotated[int, typer.Option(help="Seed of all that is drawn.")]
_ENDINGS = (".parquet", ".csv")


@density_app.command("fit")
def fit_density(
    data: Rows,
    out: ModelOut,
    columns: Chosen = None,
    without: Without = "",
    categories: Named = "",
    frequency: ByFrequency = False,
    impute: Fill = False,
    layers: Layers = 100,
    seed: Seed = 0,
) -> None:
    """Fit the density of the rows of a file."""
    check_ending(out)
    frame = _frame(data, columns, without)
    density = _density(categories, frequency, impute, layers, seed)
    with _told(data):
        density.fit(frame)
    save_density(out, density)
    print(f"{out}: {_fitted(density, len(frame))}")


@density_app.command("score")
def score_density(model: Model, data: Rows, out: TableOut) -> None:
    """Write the log-density of each row of a file, in nats in the units of its columns."""
    _check_table(out)
    density = load_density(model)
    frame = _like(density, data)
    with _told(data):
        scores = density.score_samples(frame)
    _write_table(out, pd.DataFrame({"log_density": scores}))
    print(f"{out}: {len(frame):,} rows, mean log-density {scores.mean():.4g} nats")


@density_app.command("sample")
def sample_density(
    model: Model,
    out: TableOut,
    rows: Annotated[int, typer.Option(help="Rows to draw.")] = 1000,
    seed: Seed = 0,
) -> None:
    """Draw new rows from a density."""
    _check_table(out)
    density = load_density(model)
    drawn = density.sample(rows, random_state=seed)
    names = _names(density) or [str(i) for i in range(drawn.shape[1])]
    _write_table(out, pd.DataFrame(drawn, columns=names).infer_objects())
    print(f"{out}: {rows:,} rows")


@detect_app.command("fit")
def fit_detector(
    data: Rows,
    out: ModelOut,
    columns: Chosen = None,
    without: Without = "",
    categories: Named = "",
    frequency: ByFrequency = False,
    impute: Fill = False,
    layers: Layers = 100,
    flows: Annotated[int, typer.Option(help="Flows to take the mean over.")] = 4,
    rate: Annotated[float, typer.Option(help="False-alarm rate of the threshold.")] = 0.01,
    seed: Seed = 0,
) -> None:
    """Fit a detector to normal rows, or mostly normal ones; some are kept from it for the threshold."""
    check_ending(out)
    frame = _frame(data, columns, without)
    density = _density(categories, frequency, impute, layers, seed)
    detector = GaussianizationDetector(density, n_flows=flows, false_alarm_rate=rate, random_state=seed)
    with _told(data):
        detector.fit(frame)
    save_detector(out, detector)
    kept = len(detector.calibration_scores_)
    print(f"{out}: {_fitted(detector.density_, len(frame))}, {flows} flows, {kept:,} rows for the threshold")


@detect_app.command("score")
def score_detector(
    model: Model,
    data: Rows,
    out: TableOut,
    rate: Annotated[float | None, typer.Option(help="Another false-alarm rate than in the fit.")] = None,
    reasons: Annotated[int, typer.Option(help="Columns to name for each alarm.")] = 3,
    label: Annotated[str | None, typer.Option(help="Column that says what a row is, for the report.")] = None,
    normal: Annotated[str, typer.Option(help="With --label: its value for normal rows.")] = "normal",
    report: Annotated[Path | None, typer.Option(help="Write a page with figures there, too.")] = None,
) -> None:
    """Write how strange each row of a file is, its p-value, whether it is an alarm, and why."""
    _check_table(out)
    detector = load_detector(model)
    frame = _like(detector, data)
    with _told(data):
        if rate is not None:
            detector.set_false_alarm_rate(rate)
        table = scored(detector, frame, reasons)
    anomalous = None if label is None else _labels(data, label, normal)
    _write_table(out, table)
    if report is not None:
        _write_report(report, detector, frame, table, anomalous, data.name)
    alarms = int(table["alarm"].sum())
    print(f"{out}: {len(table):,} rows, {alarms:,} alarms at a rate of {detector.false_alarm_rate:g}")
    for line in _told_apart(table, anomalous):
        print(line)


@detect_app.command()
def compare(
    experiment: Annotated[str, typer.Argument(help="nsl-kdd, kddcup99, sets or alarms.")],
    file: Annotated[Path, typer.Option(help="KDDTest+.txt of NSL-KDD.")] = Path("KDDTest+.txt"),
    seeds: Annotated[int, typer.Option(help="Seeds.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder of the tables.")] = Path("results/_anomaly"),
) -> None:
    """Set the detector beside those of PyOD, or see whether false-alarm rates hold; goes on where it was."""
    from gscale.bench.anomaly import anomaly_summary as tables
    from gscale.bench.anomaly import run_comparison as run

    path = run.compare(experiment, out, file, seeds, lambda line: print(line, file=sys.stderr))
    for line in tables.lines(path):
        print(line)


@detect_app.command()
def table(path: Annotated[Path, typer.Argument(help="A table that compare wrote.")]) -> None:
    """Print what a table of compare says."""
    from gscale.bench.anomaly import anomaly_summary as tables

    for line in tables.lines(path):
        print(line)


def scored(detector: GaussianizationDetector, frame: pd.DataFrame, n_reasons: int) -> pd.DataFrame:
    """Strangeness, p-value, alarm and reasons of each row."""
    strangeness = -detector.score_samples(frame)
    alarm = strangeness > detector.threshold_
    reasons = np.full(len(frame), "", object)
    if n_reasons > 0 and alarm.any():
        found = detector.contributions(frame[alarm])
        reasons[alarm] = [_reason(list(frame.columns), part, n_reasons) for part in found]
    p_values = detector.p_values_of(strangeness)
    return pd.DataFrame(
        {"strangeness": strangeness, "p_value": p_values, "alarm": alarm, "reasons": reasons.astype(str)}
    )


def _reason(names: list[str], contributions: np.ndarray, n: int) -> str:
    order = np.argsort(-contributions)[:n]
    return "; ".join(f"{names[i]} {contributions[i]:.1f}" for i in order if contributions[i] > 0)


def _density(
    categories: str, frequency: bool, impute: bool, layers: int, seed: int
) -> GaussianizationDensity:
    return GaussianizationDensity(
        n_layers=layers,
        categorical=Frequency() if frequency else OneHot(),
        categorical_columns=tuple(_parts(categories)),
        missing=Impute() if impute else Raise(),
        random_state=seed,
    )


def _fitted(density: GaussianizationDensity, n: int) -> str:
    return f"{n:,} rows, {len(density.encoder_.columns)} columns, {density.n_layers_} layers"


def _frame(path: Path, columns: str | None, without: str = "") -> pd.DataFrame:
    found = read_table(path, None if columns is None else tuple(_parts(columns)))
    for name in _parts(without):
        if name not in found.column_names:
            raise InputError(f"{path} has no column {name!r} to leave out")
        found = found.drop_columns(name)
    return found.to_pandas()


def _like(model: GaussianizationDensity | GaussianizationDetector, path: Path) -> pd.DataFrame:
    """The columns of a file that a model was fitted to, in its order; others are left alone."""
    return _frame(path, ",".join(_names(model)) or None)


def _names(model: GaussianizationDensity | GaussianizationDetector) -> list[str]:
    return list(getattr(model, "feature_names_in_", ()))


def _labels(path: Path, label: str, normal: str) -> np.ndarray:
    """Whether each row of a file is an anomaly (N,), by its label."""
    values = _frame(path, label)[label].astype(str).to_numpy()
    found = values != normal
    if found.all() or not found.any():
        what = "all" if found.any() else "none"
        raise InputError(
            f"{path}: {what} of the rows are anomalies, by column {label!r} with {normal!r} for normal ones: "
            "both kinds are needed to tell how well they are told apart"
        )
    return found


def _told_apart(table: pd.DataFrame, anomalous: np.ndarray | None) -> Iterator[str]:
    if anomalous is None:
        return
    from sklearn.metrics import average_precision_score, roc_auc_score

    strangeness, alarm = table["strangeness"], table["alarm"].to_numpy()
    yield f"AUROC {roc_auc_score(anomalous, strangeness):.4f}"
    yield f"average precision {average_precision_score(anomalous, strangeness):.4f}"
    normal, others = alarm[~anomalous].mean(), alarm[anomalous].mean()
    yield f"alarms among normal rows {normal:.2%}, among anomalies {others:.2%}"


def _write_report(
    path: Path,
    detector: GaussianizationDetector,
    frame: pd.DataFrame,
    table: pd.DataFrame,
    anomalous: np.ndarray | None,
    title: str,
) -> None:
    from gscale.figures.html.anomaly_page import (  # its libraries take a second to import
        Scored,
        write_anomalies,
    )

    by_layer = None
    if len(frame) >= 10:
        by_layer = detector.density_.gaussianity(frame if anomalous is None else frame[~anomalous])
    scores = Scored(
        table.assign(row=np.arange(len(table))), anomalous, detector.threshold_, detector.false_alarm_rate
    )
    print(write_anomalies(scores, None if by_layer is None else by_layer.kl, path, title))


def _check_table(path: Path) -> None:
    if path.suffix not in _ENDINGS:
        raise InputError(f"{path} ends in none of {', '.join(_ENDINGS)}")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    content = io.BytesIO()
    if path.suffix == ".csv":
        table.to_csv(content, index=False)
    else:
        table.to_parquet(content, index=False)
    write_whole(path, content.getvalue())


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Warnings as lines on standard error, and errors of the estimators with the name of the file."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: {_as_option(' '.join(str(error).split()))}") from None
    for note in noted:
        if issubclass(note.category, UserWarning):
            print(f"gscale: {note.message}", file=sys.stderr)


def _as_option(message: str) -> str:
    """What a program is told, for the command line."""
    return message.replace("have them filled by missing=Impute()", "add --impute").replace(
        "name it in categorical_columns", "name it with --categories"
    )


def _parts(text: str) -> list[Any]:
    return [part.strip() for part in text.split(",") if part.strip()]
