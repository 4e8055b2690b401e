"""Cells one after the other in this process."""

import time
from collections.abc import Callable, Iterable

from gscale.bench.executors.task import Outcome, Task, attempt

_PAUSE = 0.2  # seconds between looks at cells that other processes have


def run_serially(
    tasks: Iterable[Task],
    begin: Callable[[Task], Callable[[int], None]],
    end: Callable[[Task, Outcome], None],
    interrupted: Callable[[], bool],
) -> None:
    """Run tasks in order; those that other processes have last, when they are done or given up.

    Parameters
    ----------
    tasks : iterable of Task
    begin : callable
        Told of a task before it is looked at; returns what is called with the number of its layers done.
    end : callable
        Told what became of it, once for each task.
    interrupted : callable
        Whether Ctrl-C came.
    """
    waiting = list(tasks)
    while waiting:
        held = []
        for task in waiting:
            outcome = attempt(task, begin(task), interrupted)
            if outcome.state == "held":
                held.append(task)
            else:
                end(task, outcome)
        if held:
            time.sleep(_PAUSE)
        waiting = held
