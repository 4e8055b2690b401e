"""Cells side by side in worker processes: one that dies or runs too long costs its cell, not the run."""

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from gscale.bench.engine.attempt import Outcome, Task, failed
from gscale.bench.engine.worker import serve
from gscale.errors import InputError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LOOK = 0.2  # seconds between looks at the clock and at Ctrl-C


@dataclass(frozen=True)
class Workers:
    """How many processes, what each of them loads, and how long a cell may take (seconds; None: for ever)."""

    number: int
    files: Sequence[str] = ()
    timeout: float | None = None


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    begun: float = 0.0

    def give(self, task: Task) -> None:
        self.task, self.begun = task, time.monotonic()
        self.pipe.send(task)

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def run_in_workers(
    tasks: Iterable[Task],
    workers: Workers,
    begin: Callable[[Task], object],
    end: Callable[[Task, Outcome], None],
) -> None:
    """Run tasks in worker processes, told of as by `gscale.bench.engine.serial.run_serially`.

    Raises
    ------
    InputError
        If a cell's data cannot be used, or the folder cannot be written.
    """
    waiting = deque(tasks)
    number = min(workers.number, len(waiting))
    busy: dict[int, _Worker] = {index: _started(index, workers) for index in range(number)}
    try:
        while waiting or any(worker.task for worker in busy.values()):
            for index, worker in busy.items():
                if worker.task is None and waiting:
                    task = waiting.popleft()
                    begin(task)
                    busy[index] = _given(worker, task, index, workers)
            wait([worker.pipe for worker in busy.values() if worker.task], _LOOK)
            for index, worker in busy.items():
                busy[index] = _looked_at(index, worker, workers, waiting, end)
    finally:
        for worker in busy.values():
            worker.end()


def _given(worker: _Worker, task: Task, index: int, workers: Workers) -> _Worker:
    """The worker with its task, or another where it died between two of them."""
    try:
        worker.give(task)
    except OSError:
        worker.end()
        worker = _started(index, workers)
        worker.give(task)
    return worker


def _looked_at(
    index: int,
    worker: _Worker,
    workers: Workers,
    waiting: deque[Task],
    end: Callable[[Task, Outcome], None],
) -> _Worker:
    """The worker, or the one in its place, once its answer is taken or its end is noted."""
    if (task := worker.task) is None:
        return worker
    outcome = _answer(worker)
    seconds = time.monotonic() - worker.begun
    late = workers.timeout is not None and seconds > workers.timeout
    if outcome is None and not late:
        return worker
    if outcome is None or worker.process.exitcode is not None:
        worker.end()
        worker = _started(index, workers)
    worker.task = None
    outcome = outcome or _cut_short(task, f"TimeoutError: longer than {workers.timeout:g} s", seconds)
    if outcome.state == "held":
        waiting.append(task)
    else:
        end(task, outcome)
    return worker


def _answer(worker: _Worker) -> Outcome | None:
    """What came through the pipe; None while there is nothing."""
    assert worker.task is not None
    try:
        answer = worker.pipe.recv() if worker.pipe.poll() else None
    except (EOFError, OSError):
        worker.process.join()
        reason = f"the process of the cell ended with code {worker.process.exitcode}"
        seconds = time.monotonic() - worker.begun
        return _cut_short(worker.task, f"ChildProcessError: {reason}; -9 is out of memory or a kill", seconds)
    if isinstance(answer, InputError):
        raise answer
    return answer


def _cut_short(task: Task, error: str, seconds: float) -> Outcome:
    """A failure, unless the cell was written before the end came."""
    return Outcome("run", seconds) if task.done else failed(task, error, seconds)


def _started(index: int, workers: Workers) -> _Worker:
    context = multiprocessing.get_context("spawn")  # a fork of JAX's threads hangs
    ours, theirs = context.Pipe()
    share = _share(index, workers.number)
    with _threads(len(share)):
        process = context.Process(target=serve, args=(theirs, workers.files, share), daemon=True)
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
