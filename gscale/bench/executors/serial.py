"""An executor of cells in this process, one after the other."""

from collections.abc import Callable, Iterator

from gscale.bench.executors.task import Measured, Task, measure
from gscale.bench.measure.base import OnLayer


class Serial:
    """The process itself, which computes a cell when it is asked what is completed.

    Parameters
    ----------
    interrupted : callable
        Whether Ctrl-C came: jax may make another error of it, which is no failure of the cell.
    """

    side_by_side = False

    def __init__(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        self._interrupted = interrupted
        self._submitted: list[tuple[Task, OnLayer]] = []

    def capacity(self) -> int:
        return 1 - len(self._submitted)

    def submit(self, task: Task, on_layer: OnLayer) -> None:
        self._submitted.append((task, on_layer))

    def completed(self) -> Iterator[tuple[Task, Measured]]:
        while self._submitted:
            task, on_layer = self._submitted.pop()
            yield task, measure(task.sweep, task.cell, task.figure, on_layer, self._interrupted)
