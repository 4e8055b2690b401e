"""What commands that train keep and show: a folder, checkpoints in it, a bar."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from gscale.flows.checkpoint import Checkpoint
from gscale.errors import InputError
from gscale.flows.progress import timed_progress


@contextmanager
def checkpoints(out: Path) -> Iterator[Callable[[str], Checkpoint]]:
    """Checkpoints in a folder, which is made; they are for who was killed, not for who is done or refused."""
    made = [path for path in (out, *out.parents) if not path.exists()]
    make_folder(out)
    before = set(out.glob("*.ckpt"))
    asked: set[Path] = set()

    def keep(part: str) -> Checkpoint:
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
    """A bar of epochs on standard error, from the first that is told."""
    shown = timed_progress("{task.completed}/{task.total} epochs", Console(stderr=True))
    tasks: dict[str, Any] = {}

    def told(part: str, at: Any) -> None:
        shown.start()
        if part not in tasks:
            tasks[part] = shown.add_task("", total=at.n_epochs)
        text = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, at.train, strict=True))
        shown.update(tasks[part], completed=at.epoch, description=f"{part}: {text}")

    try:
        yield told
    finally:
        if tasks:
            shown.stop()
