"""What a worker process does: cell after cell from a pipe, with its share of the processors."""

import os
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection

from gscale.bench import catalog
from gscale.bench.executors.task import Measured, measure
from gscale.bench.sweep import Cell
from gscale.runtime import keep_compiled
from gscale.errors import InputError
from gscale.runtime import keep_from_hanging, keep_lapack_to_one_thread


def settle() -> None:
    """What the command does before it computes, in a process that it did not start."""
    keep_from_hanging()
    keep_lapack_to_one_thread()
    keep_compiled()


def answer(sweep: str, cell: Cell) -> Measured | InputError:
    """What came of a cell, or why its data cannot be used."""
    try:
        return measure(sweep, cell)
    except InputError as error:
        return error


def serve(pipe: Connection, files: Sequence[str], processors: set[int]) -> None:
    """Measure the cells that come through the pipe until it is closed.

    Parameters
    ----------
    pipe : Connection
        Names of sweeps with cells come in; "begun", then a `Measured` or an `InputError` go back for each.
    files : sequence of str
        The user's sweep files, whose classes cells are made of.
    processors : set of int
        Those to compute on: XLA starts a thread for each that it may use.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its workers
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)
    settle()
    for file in files:
        catalog.load(file)
    try:
        while True:
            sweep, cell = pipe.recv()
            pipe.send("begun")
            pipe.send(answer(sweep, cell))
    except (EOFError, OSError):  # the run has ended, or was killed
        return
