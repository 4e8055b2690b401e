"""Progress bars of long runs, on the terminal."""

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from gscale.flows.end_to_end import TrainingProgress


def timed_progress(count: str, console: Console) -> Progress:
    """A bar with a count in rich's markup, the elapsed time, the time left and a description."""
    return Progress(
        BarColumn(),
        TextColumn(count),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )


class TrainingBar:
    """The steps of a training, its time left and its losses: an ``on_progress`` for `fit_end_to_end`.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to draw; standard error where absent.

    Examples
    --------
    >>> import io
    >>> from gscale.flows.end_to_end import TrainingProgress
    >>> with TrainingBar(Console(file=io.StringIO())) as bar:
    ...     bar(TrainingProgress(step=10, n_steps=20, train=3.5, held_out=3.6))
    ...     bar.text
    'train 3.5, held out 3.6 nats'
    """

    def __init__(self, console: Console | None = None) -> None:
        self.text = ""
        count = "{task.completed}/{task.total} steps"
        self._bar = timed_progress(count, console or Console(stderr=True))
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> "TrainingBar":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, progress: "TrainingProgress") -> None:
        held_out = "" if progress.held_out is None else f", held out {progress.held_out:.6g}"
        self.text = f"train {progress.train:.6g}{held_out} nats"
        self._bar.update(self._task, completed=progress.step, total=progress.n_steps, description=self.text)
