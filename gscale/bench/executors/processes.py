"""An executor of worker processes: one that dies or takes too long costs its cell, not the run."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

from gscale.bench.executors.task import Measured, Task
from gscale.bench.executors.worker import serve
from gscale.bench.measure.base import OnLayer
from gscale.errors import InputError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LOOK = 0.2  # seconds between looks at the clock and at Ctrl-C


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    started: float | None = None  # monotonic seconds; None until the worker says so: first it imports

    def submit(self, task: Task) -> None:
        self.pipe.send((task.sweep, task.cell, task.figure))
        self.task, self.started = task, None

    @property
    def seconds(self) -> float:
        return 0.0 if self.started is None else time.monotonic() - self.started

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


class ProcessPool:
    """Processes that compute cells, each with its share of the processors; a context ends them.

    Parameters
    ----------
    number : int
        How many processes; each starts when there is something for it.
    files : sequence of str
        The user's sweep files, whose classes cells are made of.
    timeout : float or None
        Seconds that a cell may take, compilation included; None: for ever.
    """

    def __init__(self, number: int, files: Sequence[str] = (), timeout: float | None = None) -> None:
        self._number, self._files, self._timeout = number, files, timeout
        self._workers: dict[int, _Worker] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            worker.end()

    @property
    def side_by_side(self) -> bool:
        return self._number > 1

    def capacity(self) -> int:
        return self._number - len(self._busy())

    def _busy(self) -> dict[int, _Worker]:
        return {index: worker for index, worker in self._workers.items() if worker.task}

    def submit(self, task: Task, on_layer: OnLayer) -> None:
        index = next(index for index in range(self._number) if index not in self._busy())
        if index not in self._workers:
            self._workers[index] = self._started(index)
        try:
            self._workers[index].submit(task)
        except OSError:  # it died between two cells
            self._end(index)
            self._workers[index] = self._started(index)
            self._workers[index].submit(task)

    def completed(self) -> Iterator[tuple[Task, Measured]]:
        busy = self._busy()
        wait([worker.pipe for worker in busy.values()], _LOOK)
        for index, worker in busy.items():
            assert worker.task is not None
            measured = self._answer(index, worker)
            if measured is not None:
                task, worker.task = worker.task, None
                yield task, measured

    def _answer(self, index: int, worker: _Worker) -> Measured | None:
        """What came of a worker's cell; None while it computes."""
        try:
            answer = worker.pipe.recv() if worker.pipe.poll() else None
        except (EOFError, OSError):
            worker.process.join()
            self._end(index)
            reason = f"the process of the cell ended with code {worker.process.exitcode}"
            error = f"ChildProcessError: {reason}; -9 is out of memory or a kill"
            return Measured(worker.seconds, error=error)
        if isinstance(answer, InputError):
            raise answer
        if isinstance(answer, Measured):
            return answer
        if answer == "started":
            worker.started = time.monotonic()
        if self._timeout is None or worker.seconds <= self._timeout:
            return None
        self._end(index)
        return Measured(worker.seconds, error=f"TimeoutError: longer than {self._timeout:g} s")

    def _end(self, index: int) -> None:
        """Another starts in its place when there is something for it."""
        self._workers.pop(index).end()

    def _started(self, index: int) -> _Worker:
        context = multiprocessing.get_context("spawn")  # a fork of JAX's threads hangs
        ours, theirs = context.Pipe()
        share = _share(index, self._number)
        with _threads(len(share)):
            process = context.Process(target=serve, args=(theirs, self._files, share), daemon=True)
            process.start()
        theirs.close()
        return _Worker(process, ours)


def _share(index: int, number: int) -> set[int]:
    """The processors of one worker: all are shared out, and where they are too few, shared."""
    every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return set(every[index::number]) or {every[index % len(every)]}


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Libraries read their number of threads when they are imported, in the process that starts here."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(number)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
