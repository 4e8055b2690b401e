"""Cells side by side: a crew computes them elsewhere, this process claims, hands out and keeps them.

Nobody else writes, so that a worker that is killed, or outlives its run, leaves nothing half done.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Protocol

from gscale.results.locks import claim
from gscale.bench.executors.task import Measured, Outcome, Task, keep

_PAUSE = 0.2  # seconds between looks at cells that other runs have


class Crew(Protocol):
    """Whoever computes cells."""

    @property
    def side_by_side(self) -> bool:
        """Whether several at once."""
        ...

    def room(self) -> int:
        """How many more cells it takes now."""
        ...

    def give(self, task: Task) -> None:
        """Let it compute a cell."""
        ...

    def back(self) -> Iterable[tuple[Task, Measured]]:
        """What is computed; waits a moment where nothing is.

        Raises
        ------
        InputError
            If a cell's data cannot be used.
        """
        ...


def run_in_crew(
    tasks: Iterable[Task],
    crew: Crew,
    begin: Callable[[Task], object],
    end: Callable[[Task, Outcome], None],
) -> None:
    """Run tasks in a crew, told of as by `gscale.bench.executors.serial.run_serially`.

    Raises
    ------
    InputError
        If a cell's data cannot be used, or the folder cannot be written.
    """
    waiting = deque(tasks)
    claims: dict[Task, ExitStack] = {}
    try:
        while waiting or claims:
            _hand_out(waiting, claims, crew, begin, end)
            for task, measured in crew.back():
                with claims.pop(task):
                    outcome = keep(task, measured)
                end(task, outcome)
            if waiting and not claims:
                time.sleep(_PAUSE)
    finally:
        for claimed in claims.values():
            claimed.close()


def _hand_out(
    waiting: deque[Task],
    claims: dict[Task, ExitStack],
    crew: Crew,
    begin: Callable[[Task], object],
    end: Callable[[Task, Outcome], None],
) -> None:
    """Give the crew as much as it takes; what other runs have goes to the end of the queue."""
    for _ in range(len(waiting)):
        task = waiting.popleft()
        if task.is_done():
            end(task, Outcome("there"))
            continue
        if not crew.room():
            waiting.appendleft(task)
            return
        with ExitStack() as stack:
            if not stack.enter_context(claim(task.folder, task.cell.id)):
                waiting.append(task)
            elif task.is_done():  # it came just before the claim
                end(task, Outcome("there"))
            else:
                begin(task)
                crew.give(task)
                claims[task] = stack.pop_all()
