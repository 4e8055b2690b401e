"""How far the sweeps in a results folder have come, from the names of files and the notes beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gscale.errors import InputError
from gscale.results import journal, tables

_CELLS = ("*.parquet", "*.failed.json", "_plan-*.json")  # files that say that a folder is a sweep's


@dataclass(frozen=True)
class Status:
    """One sweep: cells done, failed with their reasons and missing; seconds spent, and left by estimate."""

    sweep: str
    done: int
    failed: dict[str, str]
    missing: dict[str, str]
    seconds_spent: float
    seconds_left: float | None


def statuses(folder: Path) -> list[Status]:
    """The sweeps in a folder, or in the folders right below it.

    Raises
    ------
    InputError
        If there is no such folder, no sweep in it, or a damaged record.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give a results folder, such as results")
    below = sorted(path for path in folder.glob("[!_.]*") if path.is_dir())
    sweeps = [
        _status(path)
        for path in (folder, *below)
        if any(next(path.glob(pattern), None) for pattern in _CELLS)
    ]
    if not sweeps:
        raise InputError(f"{folder} holds no results: make some with gscale run")
    return sweeps


def _status(folder: Path) -> Status:
    asked, seconds = journal.planned(folder), journal.spent(folder)
    done = {path.stem for path in folder.glob("*.parquet")}
    failures = {record["cell_id"]: record for record in tables.read_failures_of(folder)}
    failed = {key: f"{r['cell']}: {r['error']}" for key, r in failures.items() if key not in done}
    missing = {key: entry.cell for key, entry in asked.items() if key not in done and key not in failed}
    rate = _rate(asked, {key: seconds[key] for key in done & seconds.keys()})
    costs = [entry.cost for key, entry in asked.items() if key not in done]
    left = None if rate is None else rate * sum(costs)
    spent = sum(seconds[key] for key in done & seconds.keys())
    return Status(folder.resolve().name, len(done), failed, missing, spent, left)


def _rate(asked: dict[str, journal.Planned], seconds: dict[str, float]) -> float | None:
    """Seconds that cells took for one of their rough costs; None where none of them is done."""
    both = asked.keys() & seconds.keys()
    cost = sum(asked[key].cost for key in both)
    return sum(seconds[key] for key in both) / cost if cost > 0 else None


def lines(sweeps: list[Status]) -> Iterator[str]:
    """For people: a line for each sweep, then its failures and the first of what is missing."""
    for status in sweeps:
        left = "" if status.seconds_left is None else f", about {status.seconds_left:,.1f} s left"
        cells = f"{status.done} done, {len(status.failed)} failed, {len(status.missing)} missing"
        yield f"{status.sweep}: {cells}; {status.seconds_spent:,.1f} s spent{left}"
        yield from (f"  failed: {reason}" for reason in status.failed.values())
        shown = list(status.missing.values())[:5]
        yield from (f"  missing: {cell}" for cell in shown)
        if len(status.missing) > len(shown):
            yield f"  missing: {len(status.missing) - len(shown)} more"
