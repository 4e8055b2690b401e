"""What many cells of a millisecond cost: python tests/scripts/many.py [CELLS]; 10,000 take minutes.

Computing time of this process, which other processes don't lengthen.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from gscale import Haar, LayerSpec, Moments
from gscale.bench import Grid, Sweep
from gscale.bench.executors import task
from gscale.cli.run import run_shown
from gscale.data import Gaussian, Wishart
from gscale.results import tables
from gscale.results.settings import to_json

_STATUS = """
import time, sys
from pathlib import Path
from gscale.cli.main import main
sys.argv[1:] = ["status", sys.argv[1]]
try:
    main()
finally:
    print(time.process_time(), file=sys.stderr)
"""


@dataclass(frozen=True)
class Numbered:
    """Nothing to sample from: the cells of this sweep are not computed."""

    number: int

    def check(self, dim, n_train, n_test):
        pass


def sweep_of(n_cells):
    grid = Grid(
        datasets=tuple(map(Numbered, range(n_cells))),
        dims=(2,),
        layers=(LayerSpec(Haar(), Moments()),),
        depth=2,
        n_seeds=2,
        n_samples=(20,),
        n_test=10,
    )
    return Sweep(name="many", about="many small cells", profiles={"quick": (grid,)})


def instant(rows, cell):
    """The rows of one cell as those of another, in a millisecond."""
    until = time.perf_counter() + 1e-3
    while time.perf_counter() < until:
        pass
    return rows.assign(cell_id=cell.id, dataset=to_json(cell.dataset))


def seconds(function, *arguments):
    begun = time.process_time()
    function(*arguments)
    return time.process_time() - begun


def main(n_cells, root, patch=setattr):
    """The figures, by name."""
    real = replace(sweep_of(1).profiles["quick"][0], datasets=(Gaussian(Wishart()),))
    rows = task.run_cell(real.cells()[0], "many")
    patch(task, "run_cell", lambda cell, *_: instant(rows, cell))
    sweep = sweep_of(n_cells)
    cells = sweep.cells("quick")
    run = seconds(run_shown, [(sweep, cells)], root)
    again = seconds(run_shown, [(sweep, cells)], root)
    status = subprocess.run([sys.executable, "-c", _STATUS, root], capture_output=True, text=True, check=True)
    assert status.stdout.startswith(f"many: {n_cells} done, 0 failed, 0 missing")
    return {
        "overhead of a cell, ms": 1e3 * run / n_cells - 1,
        "a second run, s": again,
        "gscale status, s": float(status.stderr),
        "reading the table, s": seconds(tables.read_tables, root),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for what, figure in main(int((*sys.argv[1:], 10_000)[0]), Path(name)).items():
            print(f"{what}: {figure:.2f}")
