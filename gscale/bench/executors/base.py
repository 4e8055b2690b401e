"""An executor computes cells, here or elsewhere; this process locks, submits and stores them.

Nobody else writes, so that a worker that is killed, or outlives its run, leaves nothing half done.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Protocol

from gscale.bench.executors.task import Measured, Outcome, Task, store
from gscale.bench.measure.base import OnLayer
from gscale.results.locks import claim

_PAUSE = 0.2  # seconds between looks at cells that other runs compute


class Executor(Protocol):
    """Whatever computes cells."""

    @property
    def side_by_side(self) -> bool:
        """Whether several at once."""
        ...

    def capacity(self) -> int:
        """How many more cells it takes now."""
        ...

    def submit(self, task: Task, on_layer: OnLayer) -> None:
        """Let it compute a cell; ``on_layer`` is told the layers done where it computes them here."""
        ...

    def completed(self) -> Iterable[tuple[Task, Measured]]:
        """What is computed; waits a moment where nothing is.

        Raises
        ------
        InputError
            If a cell's data cannot be used.
        """
        ...


def run_on(
    executor: Executor,
    tasks: Iterable[Task],
    on_start: Callable[[Task], OnLayer],
    on_result: Callable[[Task, Outcome], None],
) -> None:
    """Run tasks on an executor in their order; what other runs compute comes last.

    Parameters
    ----------
    executor : Executor
    tasks : iterable of Task
    on_start : callable
        Called with a task that is submitted; returns what is called with the number of layers done.
    on_result : callable
        Called with a task and what became of it, once for each.

    Raises
    ------
    InputError
        If a cell's data cannot be used, or the folder cannot be written.
    """
    waiting = deque(tasks)
    locks: dict[Task, ExitStack] = {}
    try:
        while waiting or locks:
            _submit_all(waiting, locks, executor, on_start, on_result)
            if waiting and not locks:  # other runs compute all that is left, or no worker is there
                time.sleep(_PAUSE)
            for task, measured in executor.completed():
                with locks.pop(task):
                    outcome = store(task, measured)
                on_result(task, outcome)
    finally:
        for lock in locks.values():
            lock.close()


def _submit_all(
    waiting: deque[Task],
    locks: dict[Task, ExitStack],
    executor: Executor,
    on_start: Callable[[Task], OnLayer],
    on_result: Callable[[Task, Outcome], None],
) -> None:
    """Submit as much as the executor takes; what other runs compute goes to the end of the queue."""
    for _ in range(len(waiting)):
        task = waiting.popleft()
        if task.is_done():
            on_result(task, Outcome("present"))
            continue
        if not executor.capacity():
            waiting.appendleft(task)
            return
        with ExitStack() as stack:
            if not stack.enter_context(claim(task.folder, task.cell.id)):
                waiting.append(task)
            elif task.is_done():  # another run finished it just before the lock
                on_result(task, Outcome("present"))
            else:
                executor.submit(task, on_start(task))
                locks[task] = stack.pop_all()
