"""Seconds of the quick profile: each sweep's share of the six minutes, and what a run took.

``python benchmarks/_shares.py results/reference`` prints both, and fails where the shares are more.
"""

import sys
from pathlib import Path

import pandas as pd

from gscale.bench import catalog
from gscale.results.tables import read_tables

SECONDS = 360  # on two cores, from an empty cache of compiled programs


def main(folder: Path) -> int:
    """Print the shares of the sweeps that ``make benchmark`` runs, and the seconds of a folder's tables."""
    rows = read_tables(folder)
    print(f"{'sweep':<22}{'share':>7}{'cells':>7}{'compiling':>11}{'running':>9}   seconds")
    sweeps = [sweep for sweep in map(catalog.load, catalog.abouts()) if sweep.quick_seconds]
    for sweep in sweeps:
        table = rows[rows["sweep"] == sweep.name]
        compiling = table.groupby("cell_id")["seconds_compile"].first()
        columns = f"{len(compiling):>7}{compiling.sum():>11.1f}{_running(table):>9.1f}"
        print(f"{sweep.name:<22}{sweep.quick_seconds:>7.0f}{columns}")
    total = sum(sweep.quick_seconds for sweep in sweeps)
    print(f"{'sum':<22}{total:>7.0f} of {SECONDS}")
    return int(total > SECONDS)


def _running(table: pd.DataFrame) -> float:
    """Seconds of the layers of all cells of a sweep; ``seconds`` is per seed."""
    return float(table.groupby(["cell_id", "seed"])["seconds"].max().sum())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
