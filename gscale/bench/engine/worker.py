"""What a worker process does: cell after cell from a pipe, with its share of the processors."""

import os
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from gscale.bench import catalog
from gscale.bench.engine.attempt import Outcome, Task, attempt
from gscale.errors import InputError

_PAUSE = 0.2  # seconds before another look at a cell that another process has


def serve(pipe: Connection, files: Sequence[str], processors: set[int]) -> None:
    """Measure the tasks that come through the pipe until it is closed.

    Parameters
    ----------
    pipe : Connection
        Tasks come in, an `Outcome` or an `InputError` goes back for each.
    files : sequence of str
        The user's sweep files, whose classes the tasks are made of.
    processors : set of int
        Those to compute on: XLA starts a thread for each that it may use.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its workers
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)
    for file in files:
        catalog.load(file)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(_answer(task))
        except BrokenPipeError:  # the run was killed; the cell is written
            return


def _answer(task: Task) -> Outcome | InputError:
    try:
        outcome = attempt(task, lambda _: None, lambda: False)
    except InputError as error:
        return error
    if outcome.state == "held":
        time.sleep(_PAUSE)
    return outcome
