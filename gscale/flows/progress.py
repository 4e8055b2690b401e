"""How far a long run has come, on the terminal."""

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from gscale.flows.end_to_end import Report


def timed_progress(count: str, console: Console) -> Progress:
    """A bar with a count in rich's markup, the time gone, the time left and a description."""
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
    """The steps of a training, its time left and its losses: a ``report`` for `fit_end_to_end`.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to draw; standard error where absent.

    Examples
    --------
    >>> import io
    >>> from gscale.flows.end_to_end import Report
    >>> with TrainingBar(Console(file=io.StringIO())) as bar:
    ...     bar(Report(step=10, n_steps=20, train=3.5, held_out=3.6))
    ...     bar.text
    'train 3.5, held out 3.6 nats'
    """

    def __init__(self, console: Console | None = None) -> None:
        self.text = ""
        count = "{task.completed}/{task.total} steps"
        self._progress = timed_progress(count, console or Console(stderr=True))
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "TrainingBar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, report: "Report") -> None:
        held_out = "" if report.held_out is None else f", held out {report.held_out:.6g}"
        self.text = f"train {report.train:.6g}{held_out} nats"
        self._progress.update(self._task, completed=report.step, total=report.n_steps, description=self.text)
