"""Cells one after the other in this process."""

import time
from collections.abc import Callable, Iterable

from gscale.bench.executors.task import Outcome, Task, run_task

_PAUSE = 0.2  # seconds between looks at cells that other processes compute


def run_serially(
    tasks: Iterable[Task],
    on_start: Callable[[Task], Callable[[int], None]],
    on_result: Callable[[Task, Outcome], None],
    interrupted: Callable[[], bool],
) -> None:
    """Run tasks in order; those that other processes compute last, when they are done or given up.

    Parameters
    ----------
    tasks : iterable of Task
    on_start : callable
        Called with a task before it is looked at; returns what is called with the number of layers done.
    on_result : callable
        Called with a task and what became of it, once for each.
    interrupted : callable
        Whether Ctrl-C came.
    """
    waiting = list(tasks)
    while waiting:
        locked = []
        for task in waiting:
            outcome = run_task(task, on_start(task), interrupted)
            if outcome.state == "locked":
                locked.append(task)
            else:
                on_result(task, outcome)
        if locked:
            time.sleep(_PAUSE)
        waiting = locked
