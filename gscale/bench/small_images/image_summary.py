"""What tables of compared recipes and generators say, as lines of text and a figure."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from gscale.analysis import half_width
from gscale.errors import InputError
from gscale.images.image_plots import write_figure

_METRICS = {
    "label_accuracy": "label accuracy",
    "frechet": "Fréchet distance",
    "diversity": "diversity",
    "nearest": "nearest",
    "copies": "copies",
    "log_density": "log-density",
}


def lines(folder: Path) -> Iterator[str]:
    """Lines on the tables in a folder.

    Raises
    ------
    InputError
        If there are none.
    """
    summaries = {"recipes": _recipes, "ablation": _recipes, "generators": _generators}
    paths = {name: folder / f"{name}.parquet" for name in summaries}
    if not any(path.is_file() for path in paths.values()):
        raise InputError(f"{folder} has no table of gscale classify --compare or gscale generate --compare")
    for name, path in paths.items():
        if path.is_file():
            yield from summaries[name](pd.read_parquet(path))


def draw(folder: Path) -> None:
    """Draw ``generators.png``, the metrics of generators side by side: means, and a point a seed."""
    table = pd.read_parquet(folder / "generators.parquet")
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, (column, name) in zip(figure.subplots(1, 4, sharey=True), _METRICS.items(), strict=False):
        means = table.groupby("generator", sort=False)[column].mean()
        axes.barh(means.index, means)
        axes.plot(table[column], table["generator"], "k.", markersize=4)
        axes.set_title(name)
    write_figure(folder / "generators.png", figure)


def _recipes(table: pd.DataFrame) -> Iterator[str]:
    yield f"{table['dataset'].iloc[0]}: means over seeds, ± half a 95 % interval"
    yield (
        f"  {'recipe':<20}{'seeds':>5}  {'accuracy':<17}{'least':>7}  {'less the first, by seed':<25}"
        f"{'calibration':>11}{'CPU s':>7}"
    )
    first = table[table["recipe"] == table["recipe"].iloc[0]].set_index("seed")["accuracy"]
    for name, rows in table.groupby("recipe", sort=False):
        accuracy = rows.set_index("seed")["accuracy"]
        gain = "" if name == table["recipe"].iloc[0] else _mean((accuracy - first).dropna(), "+.4f")
        yield (
            f"  {name:<20}{len(rows):>5}  {_mean(accuracy, '.4f'):<17}{accuracy.min():>7.4f}  {gain:<25}"
            f"{rows['calibration_error'].mean():>11.4f}{rows['cpu'].mean():>7.0f}"
        )


def _generators(table: pd.DataFrame) -> Iterator[str]:
    yield f"{table['dataset'].iloc[0]}: means over {table['seed'].nunique()} seed(s), ± half a 95 % interval"
    yield f"  {'generator':<18}" + "".join(f"{name:>19}" for name in _METRICS.values()) + f"{'CPU s':>7}"
    for name, rows in table.groupby("generator", sort=False):
        values = "".join(f"{_mean(rows[column]):>19}" for column in _METRICS)
        yield f"  {name:<18}{values}{rows['cpu'].mean():>7.0f}"


def _mean(values: pd.Series, form: str = ".3f") -> str:
    """A mean, of several values with half its 95 % interval; a dash where a value is missing."""
    if values.isna().any():
        return "–"
    half = f" ± {half_width(values.to_numpy()):{form.lstrip('+')}}" if len(values) > 1 else ""
    return f"{values.mean():{form}}{half}"
