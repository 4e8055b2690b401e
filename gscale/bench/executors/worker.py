"""What a worker process does: cell after cell from a pipe, with its share of the processors."""

import os
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection

from gscale.bench import catalog
from gscale.bench.cell import Cell
from gscale.bench.executors.task import Measured, measure
from gscale.errors import InputError
from gscale.runtime import cache_compiled_programs, limit_threads


def configure() -> None:
    """What the command does before it computes, in a process that it did not start."""
    limit_threads()
    cache_compiled_programs()


def answer(sweep: str, cell: Cell, figure: str) -> Measured | InputError:
    """What came of a cell, or why its data cannot be used."""
    try:
        return measure(sweep, cell, figure)
    except InputError as error:
        return error


def serve(pipe: Connection, files: Sequence[str], processors: set[int]) -> None:
    """Measure the cells that come through the pipe until it is closed.

    Parameters
    ----------
    pipe : Connection
        Names of sweeps, cells and figures come in; "started", then a `Measured` or an `InputError` goes back.
    files : sequence of str
        The user's sweep files, whose classes cells are made of.
    processors : set of int
        Those to compute on: XLA starts a thread for each that it may use.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its workers
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)
    configure()
    for file in files:
        catalog.load(file)
    try:
        while True:
            task = pipe.recv()
            pipe.send("started")
            pipe.send(answer(*task))
    except (EOFError, OSError):  # the run has ended, or was killed
        return
