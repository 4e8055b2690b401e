"""What commands share: arguments, settings of the process, folders, checkpoints and bars."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gscale.errors import InputError

if TYPE_CHECKING:
    from gscale.flows.checkpoint import Checkpoint

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
def checkpoints(out: Path) -> "Iterator[Callable[[str], Checkpoint]]":
    """Checkpoints in a folder, which is made; removed once the training is done or refused."""
    from gscale.flows.checkpoint import Checkpoint

    made = [path for path in (out, *out.parents) if not path.exists()]
    make_folder(out)
    before = set(out.glob("*.ckpt"))
    asked: set[Path] = set()

    def keep(part: str) -> "Checkpoint":
        asked.add(out / f"{part}.ckpt")
        return Checkpoint(out / f"{part}.ckpt")

    try:
        yield keep
    except Exception:
        for path in asked - before:  # those from before may be another training's
            path.unlink(missing_ok=True)
        for path in made:
            with suppress(OSError):  # it is not empty
                path.rmdir()
        raise
    for path in asked:
        path.unlink(missing_ok=True)


def make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror}; choose another folder") from None
    if not os.access(out, os.W_OK):
        raise InputError(f"cannot write to {out}: choose another folder")


@contextmanager
def bar(names: tuple[str, str]) -> Iterator[Callable[[str, Any], None]]:
    """A bar of epochs on standard error, from the first that is reported."""
    from rich.console import Console

    from gscale.flows.progress import timed_progress

    shown = timed_progress("{task.completed}/{task.total} epochs", Console(stderr=True))
    tasks: dict[str, Any] = {}

    def on_progress(part: str, at: Any) -> None:
        shown.start()
        if part not in tasks:
            tasks[part] = shown.add_task("", total=at.n_epochs)
        text = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, at.train, strict=True))
        shown.update(tasks[part], completed=at.epoch, description=f"{part}: {text}")

    try:
        yield on_progress
    finally:
        if tasks:
            shown.stop()
