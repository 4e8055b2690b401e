"""An executor of the workers of a dask.distributed scheduler; each brings a device of its own."""

import pickle
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock
from types import TracebackType
from typing import Any, Self

import cloudpickle
import distributed

from gscale.bench.executors.task import Measured, Task
from gscale.bench.executors.worker import answer, configure
from gscale.bench.measure.base import OnLayer
from gscale.errors import InputError

_LOOK = 0.2  # seconds between looks at Ctrl-C
_PATIENCE = 15  # seconds to find a scheduler
_ONE = Lock()  # a worker's device is for one cell at a time, whatever number of threads the worker has


class DaskCluster:
    """Workers of a scheduler that compute cells; leaving the context disconnects from it.

    A cell whose worker is lost goes to another one, until it has lost as many as the scheduler allows.

    Parameters
    ----------
    address : str or None
        Of a scheduler, such as tcp://10.0.0.1:8786; None: start one here, with workers of its own.
    number : int
        How many workers to start, where there is no address.

    Raises
    ------
    InputError
        If no scheduler answers.
    """

    def __init__(self, address: str | None, number: int = 1) -> None:
        here = {"n_workers": number, "threads_per_worker": 1, "dashboard_address": None}
        try:
            with _sigint_ignored():
                self._client = distributed.Client(address, timeout=_PATIENCE, **({} if address else here))
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"--dask {address}: no scheduler answers ({reason}); start one first") from None
        self._tasks: dict[Any, Task] = {}
        self._local = address is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, CancelledError):  # where the scheduler is gone already
            self._client.cancel(list(self._tasks))
        self._client.close()

    @property
    def side_by_side(self) -> bool:
        return not self._local or self._number() > 1

    def _number(self) -> int:
        with _answering():
            return len(self._client.nthreads())

    def capacity(self) -> int:
        return max(self._number() - len(self._tasks), 0)

    def submit(self, task: Task, on_layer: OnLayer) -> None:
        pickled = _pickled(task)
        with _answering():
            key = f"gscale-{task.sweep}-{task.cell.id}"
            self._tasks[self._client.submit(compute, pickled, key=key, pure=False)] = task

    def completed(self) -> Iterator[tuple[Task, Measured]]:
        for future in self._finished():
            task = self._tasks.pop(future)
            yield task, _result(future)

    def _finished(self) -> list[Any]:
        if not self._tasks:
            return []
        with _answering(), suppress(TimeoutError):
            return list(distributed.wait(list(self._tasks), _LOOK, "FIRST_COMPLETED").done)
        return []


def _pickled(task: Task) -> bytes:
    """A cell as a worker without the user's files can read it: classes of a sweep file go along."""
    for name, module in list(sys.modules.items()):
        if name.startswith("gscale_sweep_"):
            cloudpickle.register_pickle_by_value(module)
    content: bytes = cloudpickle.dumps((task.sweep, task.cell, task.figure))
    return content


def _result(future: Any) -> Measured:
    with _answering():
        if future.status == "error":
            error = future.exception()
            return Measured(0.0, error=f"{type(error).__name__}: {' '.join(str(error).split())}")
        result: Measured | InputError = future.result()
    if isinstance(result, InputError):
        raise result
    return result


@contextmanager
def _answering() -> Iterator[None]:
    """A scheduler that is gone, or drops what it was given, is no failure of a cell."""
    try:
        yield
    except (OSError, CancelledError) as error:
        reason = type(error).__name__
        raise InputError(
            f"the scheduler has gone ({reason}): with another, the same command goes on from what is finished"
        ) from None


@contextmanager
def _sigint_ignored() -> Iterator[None]:
    """Processes that start here inherit that they ignore Ctrl-C: the run ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def compute(pickled: bytes) -> Measured | InputError:
    """What a worker does with a cell."""
    _configured()
    with _ONE:
        return answer(*pickle.loads(pickled))


@cache
def _configured() -> None:
    configure()
