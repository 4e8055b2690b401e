"""Summaries of the tables of the comparison: means, standard errors and ranks, as lines of text."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from gscale.bench.anomaly.anomaly_sets import KINDS
from gscale.errors import InputError

_HEADER = {"asked for": 10, "seeds": 6, "fresh": 8, "kept": 8, "alarms": 9, "binomial": 10, "exact": 7}


def lines(path: Path) -> Iterator[str]:
    """Lines on a table that `compare` wrote.

    Raises
    ------
    InputError
        If there is no such table.
    """
    if not path.is_file():
        raise InputError(f"there is no table {path}: make it with gscale detect compare")
    table = pd.read_parquet(path)
    if "rate" in table:
        yield from _alarms(table)
    elif table["dataset"].nunique() > 2:
        yield from _ranks(table)
    else:
        for name, rows in table.groupby("dataset"):
            yield from _methods(str(name), rows)


def mean_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks by AUROC over sets, of all and of each kind of anomaly; 1 is best, ties share the mean."""
    auroc = table.pivot_table("auroc", "dataset", "method")
    kinds = auroc.index.str.extract(rf": ({'|'.join(KINDS)})$")[0].fillna("real").to_numpy()
    ranks = auroc.rank(axis=1, ascending=False)
    of_kinds = {kind: ranks[kinds == kind].mean() for kind in (*KINDS, "real")}
    return pd.DataFrame({"all": ranks.mean(), "AUROC": auroc.mean(), **of_kinds}).sort_values("all")


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds and their standard errors of each method, the best first."""
    groups = table.groupby("method")
    errors = groups[["auroc", "average_precision"]].sem().add_suffix("_error")
    mean = groups[["auroc", "average_precision", "seconds"]].mean()
    return mean.join(errors).sort_values("auroc", ascending=False)


def _methods(name: str, table: pd.DataFrame) -> Iterator[str]:
    n_fitted, n_tested = int(table["n_fitted"].iloc[0]), int(table["n_tested"].iloc[0])
    seeds = table["seed"].nunique()
    yield f"{name}: {n_fitted:,} rows fitted to, {n_tested:,} tested on, {seeds} seeds, ± standard errors"
    yield f"  {'':<17}{'AUROC':<18}{'average precision':<20}{'seconds':>7}"
    for method, row in means(table).iterrows():
        area = f"{row['auroc']:.4f} ± {row['auroc_error']:.4f}"
        precision = f"{row['average_precision']:.4f} ± {row['average_precision_error']:.4f}"
        yield f"  {method:<17}{area:<18}{precision:<20}{row['seconds']:>7.1f}"


def _ranks(table: pd.DataFrame) -> Iterator[str]:
    ranks, n_sets, seeds = mean_ranks(table), table["dataset"].nunique(), table["seed"].nunique()
    yield f"{n_sets} sets, {seeds} seeds: mean ranks of {len(ranks)} detectors by AUROC, and their mean AUROC"
    yield f"  {'':<17}" + "".join(f"{name:>12}" for name in ranks.columns)
    for method, row in ranks.iterrows():
        cells = "".join(f"{row[name]:>12.{3 if name == 'AUROC' else 2}f}" for name in ranks.columns)
        yield f"  {method:<17}{cells}"


def _alarms(table: pd.DataFrame) -> Iterator[str]:
    header = "".join(f"{name:>{width}}" for name, width in _HEADER.items())
    yield f"  {'':<20}{header}"
    for (name, rate), rows in table.groupby(["dataset", "rate"]):
        share = rows["alarms"].sum() / rows["n_fresh"].sum()
        binomial = rows["alarms"].between(rows["low"], rows["high"]).sum()
        exact = rows["alarms"].between(rows["exact_low"], rows["exact_high"]).sum()
        sizes = f"{len(rows):>6}{rows['n_fresh'].iloc[0]:>8,}{rows['n_kept'].iloc[0]:>8,}"
        yield f"  {name:<20}{rate:>10.1%}{sizes}{share:>9.2%}{binomial:>10}{exact:>7}"
