"""Beside the tables of a sweep: which cells were asked for, and how long those done took."""

import json
from dataclasses import dataclass
from pathlib import Path

from gscale.bench import store
from gscale.errors import InputError

_PLAN, _JOURNAL = "_plan.json", "_journal.jsonl"


@dataclass(frozen=True)
class Planned:
    """A cell that was asked for: what it is, for people, and its rough cost in seconds."""

    cell: str
    cost: float


def plan(folder: Path, cells: dict[str, Planned]) -> None:
    """Add cells, by id, to those asked for."""
    known = planned(folder)
    if cells.keys() <= known.keys():
        return
    together = {**known, **cells}
    content = {key: [entry.cell, entry.cost] for key, entry in together.items()}
    with store.writing(folder):
        store.write_whole(folder / _PLAN, json.dumps(content, indent=0).encode())


def planned(folder: Path) -> dict[str, Planned]:
    """The cells asked for, by id; none where no run has left a plan.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = folder / _PLAN
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): Planned(str(cell), float(cost)) for key, (cell, cost) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise InputError(f"{path} is no plan of gscale: delete it, and run the sweep again") from None


def note(folder: Path, cell_id: str, seconds: float) -> None:
    """Note how long a finished cell took, compilation included."""
    with store.writing(folder), (folder / _JOURNAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps([cell_id, seconds]) + "\n")  # one write a line: processes don't mix


def spent(folder: Path) -> dict[str, float]:
    """Seconds of the finished cells, by id; a line that a kill cut short is passed over."""
    path = folder / _JOURNAL
    found: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            cell_id, seconds = json.loads(line)
            found[str(cell_id)] = float(seconds)
        except (ValueError, TypeError):
            continue
    return found
