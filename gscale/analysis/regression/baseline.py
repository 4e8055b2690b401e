"""Baselines of the gate, in a file that people read: means and scatter, and why they are so."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from gscale.analysis.regression.quantities import MonitoredQuantity, position
from gscale.errors import InputError
from gscale.runtime import write_output

# What a baseline may move by and still be called the same, until somebody writes another tolerance: a
# share of the level, and a slope that turns the line by as much at the ends of its D.
_SHARE = 0.03

_HEAD = """# Baselines of gscale check. Made by gscale check DIR --baseline FILE --update --reason "why".
# Tolerances may be edited, and are kept. A row: D (or N), and of its seeds: mean, standard deviation, number,
# skewness.
"""


@dataclass(frozen=True, eq=False)
class Entry:
    """What one quantity was.

    Attributes
    ----------
    name, along : str
        As of the `MonitoredQuantity`.
    at, means, scatter, n_seeds, skewness : array, shape (n,)
        Each D or N, and of the seeds there: mean, standard deviation, number and skewness.
    seconds : float
    tolerance : dict of str to float
        Of "level" and "slope".
    """

    name: str
    along: str
    at: np.ndarray
    means: np.ndarray
    scatter: np.ndarray
    n_seeds: np.ndarray
    skewness: np.ndarray
    seconds: float
    tolerance: dict[str, float]


@dataclass(frozen=True)
class Baseline:
    """All entries, and the reasons for each time they were written, oldest first."""

    entries: tuple[Entry, ...]
    reasons: tuple[str, ...]


def read(path: Path) -> Baseline:
    """Read a baseline.

    Raises
    ------
    InputError
        If there is no such file, or it is none.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = tuple(_entry(one) for one in content.get("quantity", []))
        reasons = tuple(str(reason) for reason in content.get("reasons", []))
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; make a baseline with gscale check DIR --baseline {path} --update"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no baseline ({type(error).__name__}: {error}): mend or delete it"
        ) from None
    if not entries:
        raise InputError(
            f"{path} holds no baseline: make one with gscale check DIR --baseline {path} --update"
        )
    return Baseline(entries, reasons)


def write(path: Path, measured: Sequence[MonitoredQuantity], reason: str, before: Baseline | None) -> int:
    """Write what was measured as the baseline of its sweeps, with a reason; return how many others stay.

    Sweeps of which nothing was measured keep their entries, and entries that stay their tolerances.
    """
    old = {} if before is None else {entry.name: entry for entry in before.entries}
    new = {one.name: _entry_of(one, old.get(one.name)) for one in measured}
    sweeps = {_sweep(name) for name in new}
    others = {name: entry for name, entry in old.items() if name in new or _sweep(name) not in sweeps}
    reasons = [*(() if before is None else before.reasons), f"{date.today()}: {reason}"]
    listed = "".join(f"  {_quoted(one)},\n" for one in reasons)
    blocks = [_block(entry) for entry in (others | new).values()]
    text = f"{_HEAD}\nreasons = [\n{listed}]\n\n" + "\n".join(blocks)
    write_output(path, text.encode(), "choose another file with --baseline")
    return len(others.keys() - new.keys())


def _sweep(name: str) -> str:
    return name.partition(": ")[0]


def _entry_of(measured: MonitoredQuantity, before: Entry | None) -> Entry:
    rows = np.array([(at, *_moments(numbers)) for at, numbers in measured.numbers.items()])
    tolerance = _usual_tolerance(measured, rows) | ({} if before is None else before.tolerance)
    at, means, scatter, n_seeds, skewness = rows.T
    moments = at, means, scatter, n_seeds, skewness
    return Entry(measured.name, measured.along, *moments, measured.seconds, tolerance)


def _block(entry: Entry) -> str:
    rows = zip(entry.at, entry.means, entry.scatter, entry.n_seeds, entry.skewness, strict=True)
    listed = "".join(
        f"  [{at:.15g}, {mean:.6g}, {sd:.3g}, {n:.15g}, {skewed:.3g}],\n" for at, mean, sd, n, skewed in rows
    )
    allowed = ", ".join(f"{name} = {value:.3g}" for name, value in entry.tolerance.items())
    lines = [
        "[[quantity]]",
        f"name = {_quoted(entry.name)}",
        f"along = {_quoted(entry.along)}",
        f"tolerance = {{ {allowed} }}",
        f"seconds = {entry.seconds:.3g}",
        f"numbers = [\n{listed}]",
    ]
    return "\n".join(lines) + "\n"


def _moments(numbers: np.ndarray) -> tuple[float, float, int, float]:
    """Mean, standard deviation, number and skewness; 0 where there are too few for one."""
    n, mean = len(numbers), float(numbers.mean())
    if n < 2 or np.ptp(numbers) == 0:
        return mean, 0.0, n, 0.0
    return mean, float(numbers.std(ddof=1)), n, float(((numbers - mean) ** 3).mean() / numbers.std() ** 3)


def _usual_tolerance(measured: MonitoredQuantity, rows: np.ndarray) -> dict[str, float]:
    at, means = position(measured.along, rows[:, 0]), rows[:, 1]
    # a thirtieth of a layer is nothing, of a loss it may be much
    level = _SHARE * max(float(np.abs(means).mean()), 0 if measured.target == "end" else 1)
    spread = float(at.max() - at.min())
    return {"level": level} | ({"slope": 2 * level / spread} if spread else {})


def _entry(block: dict[str, Any]) -> Entry:
    at, means, scatter, n_seeds, skewness = np.array(block["numbers"], float).T
    needed = ("level", "slope") if len(at) > 1 else ("level",)
    tolerance = {name: float(block["tolerance"][name]) for name in needed}
    return Entry(
        str(block["name"]),
        str(block["along"]),
        at,
        means,
        scatter,
        n_seeds,
        skewness,
        float(block["seconds"]),
        tolerance,
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # of printable text, a TOML string as well
