"""The ``gscale detect`` command: rows unlike others, and detectors side by side."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gscale.cli import table_options as options
from gscale.cli.terminal import configure

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from gscale.estimators import GaussianizationDetector

app = typer.Typer(no_args_is_help=True, help="Rows unlike others, with p-values and reasons.")


@app.command()
def fit(
    data: options.Rows,
    out: options.ModelOut,
    columns: options.Columns = None,
    without: options.Without = "",
    categories: options.Categories = "",
    frequency: options.ByFrequency = False,
    impute: options.Fill = False,
    layers: options.Layers = 100,
    flows: Annotated[int, typer.Option(help="Flows to take the mean over.")] = 4,
    rate: Annotated[float, typer.Option(help="False-alarm rate of the threshold.")] = 0.01,
    seed: options.Seed = 0,
) -> None:
    """Fit a detector to normal rows, or mostly normal ones; some are held out for the threshold."""
    from gscale.estimators import GaussianizationDetector, save_detector
    from gscale.flows.serialisation import check_ending

    check_ending(out)
    configure()
    frame = options.read_frame(data, columns, without)
    density = options.make_density(categories, frequency, impute, layers, seed)
    detector = GaussianizationDetector(density, n_flows=flows, false_alarm_rate=rate, random_state=seed)
    with options.naming_file(data):
        detector.fit(frame)
    save_detector(out, detector)
    n = len(detector.calibration_scores_)
    described = options.describe_fit(detector.density_, len(frame))
    print(f"{out}: {described}, {flows} flows, {n:,} rows for the threshold")


@app.command()
def score(
    model: options.Model,
    data: options.Rows,
    out: options.TableOut,
    rate: Annotated[float | None, typer.Option(help="Another false-alarm rate than in the fit.")] = None,
    reasons: Annotated[int, typer.Option(help="Columns to name for each alarm.")] = 3,
    label: Annotated[
        str | None, typer.Option(help="Column with the label of each row, for the report.")
    ] = None,
    normal: Annotated[str, typer.Option(help="With --label: its value for normal rows.")] = "normal",
    report: Annotated[Path | None, typer.Option(help="Write a page with figures there, too.")] = None,
) -> None:
    """Write the anomaly score of each row of a file, its p-value, whether it is an alarm, and why."""
    from gscale.estimators import load_detector, scoring

    options.check_table_name(out)
    configure()
    detector = load_detector(model)
    frame = options.read_like(detector, data)
    with options.naming_file(data):
        if rate is not None:
            detector.set_false_alarm_rate(rate)
        table = scoring.score_table(detector, frame, reasons)
    is_anomaly = None
    if label is not None:
        labels = options.read_frame(data, label)[label]
        with options.naming_file(data):
            is_anomaly = scoring.anomalies(labels, normal)
    options.write_table(out, table)
    if report is not None:
        print(_write_report(report, detector, frame, table, is_anomaly, data.name))
    alarms = int(table["alarm"].sum())
    print(f"{out}: {len(table):,} rows, {alarms:,} alarms at a rate of {detector.false_alarm_rate:g}")
    if is_anomaly is not None:
        separation = scoring.separation(table, is_anomaly)
        print(f"AUROC {separation.auroc:.4f}")
        print(f"average precision {separation.average_precision:.4f}")
        normal_rows, anomalies = separation.normal_alarms, separation.anomaly_alarms
        print(f"alarms among normal rows {normal_rows:.2%}, among anomalies {anomalies:.2%}")


@app.command()
def compare(
    experiment: Annotated[str, typer.Argument(help="nsl-kdd, kddcup99, sets or alarms.")],
    file: Annotated[Path, typer.Option(help="KDDTest+.txt of NSL-KDD.")] = Path("KDDTest+.txt"),
    seeds: Annotated[int, typer.Option(help="Seeds.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder of the tables.")] = Path("results/_anomaly"),
) -> None:
    """Compare the detector with those of PyOD, or measure false-alarm rates; resumes an earlier run."""
    from gscale.bench.anomaly import anomaly_summary, run_comparison

    configure()
    path = run_comparison.compare(experiment, out, file, seeds, lambda line: print(line, file=sys.stderr))
    for line in anomaly_summary.lines(path):
        print(line)


@app.command()
def table(path: Annotated[Path, typer.Argument(help="A table that compare wrote.")]) -> None:
    """Print what a table of compare says."""
    from gscale.bench.anomaly import anomaly_summary

    for line in anomaly_summary.lines(path):
        print(line)


def _write_report(
    path: Path,
    detector: "GaussianizationDetector",
    frame: "pd.DataFrame",
    table: "pd.DataFrame",
    is_anomaly: "np.ndarray | None",
    title: str,
) -> Path:
    import numpy as np

    from gscale.figures.html.anomaly_page import Scored, write_anomalies

    kl = None
    if len(frame) >= 10:
        normal_rows = frame if is_anomaly is None else frame[~is_anomaly]
        kl = detector.density_.gaussianity(normal_rows).kl
    rows = table.assign(row=np.arange(len(table)))
    scored = Scored(rows, is_anomaly, detector.threshold_, detector.false_alarm_rate)
    return write_anomalies(scored, kl, path, title)
