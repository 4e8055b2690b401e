"""Kill a sweep, its run and its workers in turn: python tests/scripts/kills.py [KILLS] [SEED].

Ends with an error unless a final run leaves the table of an undisturbed one, every cell once, and no file of
a killed run.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil

from gscale.results import tables

_RUN = [sys.executable, "-m", "gscale.cli.main", "run", str(Path(__file__).with_name("kills_sweep.py"))]
_LEAVE = 10  # cells at the least that are left to do, so that there is something to kill


def measured(folder: Path) -> pd.DataFrame:
    keys = ["cell_id", "seed", "n_layers"]
    table = tables.read_tables(folder).sort_values(keys, ignore_index=True)
    assert not table.duplicated(keys).any()
    return table[[*keys, "loss_train", "loss_test"]]


def start(folder: Path) -> psutil.Popen:
    command = [*_RUN, "--jobs", "2", "--out", str(folder)]
    return psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def workers(run: psutil.Popen) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return [child for child in run.children() if "spawn_main" in " ".join(child.cmdline())]
    return []


def kill_one(run: psutil.Popen, of_worker: bool, draw: random.Random) -> bool:
    """Whether there was something to kill."""
    targets = workers(run) if of_worker else [run]
    if run.poll() is not None or not targets:
        return False
    with suppress(psutil.Error):
        draw.choice(targets).send_signal(signal.SIGKILL)
        return True
    return False


def disturbed(folder: Path, draw: random.Random, wanted: int, kills: Counter[str]) -> None:
    """One run, until it ends or is killed."""
    run = start(folder)
    begun, slept = time.monotonic(), draw.uniform(0, 6)
    while run.poll() is None and kills.total() < wanted:
        if draw.random() < 0.7:  # else at once, in the midst of starting
            while run.poll() is None and len(workers(run)) < 2 and time.monotonic() - begun < 60:
                time.sleep(0.1)
        time.sleep(slept)
        of_worker = draw.random() < 0.5
        kills["workers" if of_worker else "runs"] += kill_one(run, of_worker, draw)
        slept = draw.uniform(0, 6)
    with suppress(psutil.Error):
        run.kill()
    run.wait()


def main(n_kills: int, seed: int, root: Path) -> str:
    """Kill, complete and compare; say how often."""
    draw, killed, kills, rounds = random.Random(seed), root / "killed", Counter[str](), 0
    while kills.total() < n_kills:
        disturbed(killed, draw, n_kills, kills)
        rounds += 1
        done = sorted(killed.rglob("*.parquet"))
        if len(done) > 40 - _LEAVE:
            for path in draw.sample(done, len(done) - 40 + 2 * _LEAVE):
                path.unlink()
        if done:
            tables.read_tables(killed)  # whole, all of them, at any moment
    codes = [start(root / name).wait() for name in ("killed", "undisturbed")]
    pd.testing.assert_frame_equal(measured(killed), measured(root / "undisturbed"), check_exact=True)
    left = [path.name for pattern in (".*", "*.json") for path in (killed / "kills").glob(pattern)]
    assert all(name.startswith("_plan-") for name in left), left
    n_cells = measured(killed)["cell_id"].nunique()
    assert (n_cells, codes) == (40, [0, 0])
    return f"{kills['runs']} runs and {kills['workers']} workers killed in {rounds} runs, 40 cells equal"


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        print(main(*(numbers + [30, 0][len(numbers) :]), Path(name)))
