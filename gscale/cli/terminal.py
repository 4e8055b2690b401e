"""What commands share: arguments, settings of the process, bars."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from gscale.errors import InputError

Folder = Annotated[Path, typer.Argument(help="A results folder, such as results or results/patches.")]


def configure(*, cache: bool = True) -> None:
    """Settings of a process that computes: threads, and compiled programs kept for the next one."""
    from gscale.runtime import cache_compiled_programs, limit_threads

    limit_threads()
    if cache:
        cache_compiled_programs()


def parse_dims(text: str | None, option: str = "--dims") -> tuple[int, ...] | None:
    """Dimensions as given on the command line.

    Raises
    ------
    InputError
        If one is no integer.
    """
    if text is None:
        return None
    dims = []
    for part in text.split(","):
        try:
            dims.append(int(part))
        except ValueError:
            raise InputError(
                f"{option} {text}: {part!r} is no integer; give dimensions such as 4,8,16"
            ) from None
    return tuple(dims)


@contextmanager
def bar() -> Iterator[Callable[[str, Any], None]]:
    """A bar of epochs on standard error for each training, from its first epoch on."""
    from rich.console import Console

    from gscale.flows.progress import timed_progress

    shown = timed_progress("{task.completed}/{task.total} epochs", Console(stderr=True))
    tasks: dict[str, Any] = {}

    def on_progress(part: str, at: Any) -> None:
        shown.start()
        if part not in tasks:
            tasks[part] = shown.add_task("", total=at.n_epochs)
        text = ", ".join(f"{name} {value:.4g}" for name, value in at.metrics.items())
        shown.update(tasks[part], completed=at.epoch, description=f"{part}: {text}")

    try:
        yield on_progress
    finally:
        if tasks:
            shown.stop()
