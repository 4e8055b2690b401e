"""Kill a sweep at random moments, its run and its workers in turn: python tests/kills.py [KILLS] [SEED].

Ends with an error unless a final run leaves the table of an undisturbed one, every cell once.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd

from gscale.bench import store

_DIMS = ",".join(str(dim) for dim in range(2, 22))
_RUN = [sys.executable, "-m", "gscale.cli", "run", "gaussian_population", "--profile", "ci"]
_RUN += ["--dims", _DIMS, "--seeds", "2"]


def measured(folder: Path) -> pd.DataFrame:
    keys = ["cell_id", "seed", "n_layers"]
    table = store.read_tables(folder).sort_values(keys, ignore_index=True)
    assert not table.duplicated(keys).any()
    return table[[*keys, "loss_train", "loss_test"]]


def start(folder: Path) -> subprocess.Popen:
    command = [*_RUN, "--jobs", "2", "--out", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def workers(process: subprocess.Popen) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with suppress(OSError):
        return [int(pid) for pid in children.read_text().split()]
    return []


def kill(process: subprocess.Popen, of_worker: bool, draw: random.Random) -> bool:
    """Whether there was something to kill."""
    targets = workers(process) if of_worker else [process.pid]
    if process.poll() is not None or not targets:
        return False
    with suppress(ProcessLookupError):
        os.kill(draw.choice(targets), signal.SIGKILL)
        return True
    return False


def main(n_kills: int, seed: int, root: Path) -> None:
    draw, killed, kills, rounds = random.Random(seed), root / "killed", 0, 0
    while kills < n_kills:
        process = start(killed)
        rounds += 1
        while process.poll() is None and kills < n_kills:
            time.sleep(draw.uniform(0.2, 6))
            of_worker = draw.random() < 0.5
            kills += kill(process, of_worker, draw)
            if not of_worker:
                break
        process.kill()
        process.wait()
        done = list(killed.rglob("*.parquet"))
        if len(done) > 30 and kills < n_kills:  # leave something to kill
            for path in draw.sample(done, 20):
                path.unlink()
        if done:
            store.read_tables(killed)
    codes = [start(root / name).wait() for name in ("killed", "undisturbed")]
    pd.testing.assert_frame_equal(measured(killed), measured(root / "undisturbed"), check_exact=True)
    n_cells = measured(killed)["cell_id"].nunique()
    print(f"{kills} kills in {rounds} runs, {n_cells} cells equal, exit codes {codes}")


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        main(*(numbers + [30, 0][len(numbers) :]), Path(name))
