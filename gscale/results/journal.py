"""Beside the tables of a sweep: which cells were asked for, and how long those done took."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from gscale.errors import InputError
from gscale.results.files import is_remote, write_whole, writing
from gscale.results.locks import claim

_PLANS, _JOURNAL = "_plan-*.json", "_journal.jsonl"


@dataclass(frozen=True)
class Planned:
    """A cell that was asked for: what it is, for people, and its rough cost in seconds."""

    cell: str
    cost: float


def plan(folder: Path, cells: dict[str, Planned]) -> None:
    """Add cells, by id, to those asked for: a file for each different request, so that runs don't mix."""
    if cells.keys() <= planned(folder).keys():
        return
    content = json.dumps({key: [entry.cell, entry.cost] for key, entry in cells.items()}, indent=0)
    path = folder / _PLANS.replace("*", hashlib.sha256(content.encode()).hexdigest()[:16])
    with claim(folder, path.stem) as claimed, writing(folder):
        if claimed:  # else another run writes the same
            write_whole(path, content.encode())


def planned(folder: Path) -> dict[str, Planned]:
    """The cells asked for, by id; none where no run has left a plan.

    Raises
    ------
    InputError
        If a file is damaged.
    """
    cells: dict[str, Planned] = {}
    for path in sorted(folder.glob(_PLANS)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            cells |= {str(key): Planned(str(cell), float(cost)) for key, (cell, cost) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            raise InputError(f"{path} is no plan of gscale: delete it, and run the sweep again") from None
    return cells


def note(folder: Path, cell_id: str, seconds: float) -> None:
    """Note how long a finished cell took, compilation included; an object store cannot be added to."""
    if is_remote(folder):
        return
    line = f"\n{json.dumps([cell_id, seconds])}\n"  # a line, whatever a kill left of the last one
    with writing(folder), (folder / _JOURNAL).open("a", encoding="utf-8") as file:
        file.write(line)  # in one write: processes don't mix


def spent(folder: Path) -> dict[str, float]:
    """Seconds of the finished cells, by id; a line that a kill cut short is passed over."""
    path = folder / _JOURNAL
    seconds_of: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            cell_id, seconds = json.loads(line)
            seconds_of[str(cell_id)] = float(seconds)
        except (ValueError, TypeError):
            continue
    return seconds_of
