"""Finding sweeps: those that come with gscale, and the user's own files; they are imported when loaded."""

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd

from gscale.bench.profiles import Profile
from gscale.errors import InputError
from gscale.results.tables import has_tables, read_tables

if TYPE_CHECKING:
    from gscale.bench.speed.cases import Case
    from gscale.bench.sweep import Sweep

_PACKAGE = Path(__file__).parents[1]
_SPEED = "speed"  # times cases, and sweeps no D for layers


def shipped() -> dict[str, Path]:
    """The files of the sweeps that come with gscale, by name."""
    return {name: path for name, path in _experiments().items() if name != _SPEED}


def abouts() -> dict[str, str]:
    """The line on each sweep that comes with gscale, by name; read from the files, which are not run."""
    return {name: _about(path) for name, path in shipped().items()}


def speed_cases(profile: Profile) -> "tuple[Case, ...]":
    """What `gscale speed` times.

    Raises
    ------
    InputError
        If this copy of gscale carries no benchmarks.
    """
    if (path := _experiments().get(_SPEED)) is None:
        raise InputError("benchmarks/speed.py is not there: install gscale from a wheel or a checkout")
    cases: tuple[Case, ...] = _executed(path).PROFILES[profile]
    return cases


def results_at_hand(folder: Path) -> pd.DataFrame:
    """The results in a folder, and the sweeps that it lacks of the results that come with gscale.

    Raises
    ------
    InputError
        If there are neither.
    """
    shipped_results = reference()
    at_hand = [read_tables(folder)] if shipped_results is None or has_tables(folder) else []
    if shipped_results is None:
        return at_hand[0]
    known = {name for table in at_hand for name in table["sweep"]}
    others = read_tables(shipped_results)
    return pd.concat([*at_hand, others[~others["sweep"].isin(known)]], ignore_index=True)


def _experiments() -> dict[str, Path]:
    # An installed wheel carries them inside the package, a checkout beside it.
    for folder in (_PACKAGE / "benchmarks", _PACKAGE.parent / "benchmarks"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("[!_]*.py"))}
    return {}


def reference() -> Path | None:
    """The folder of results that come with gscale; None where an installed package has none."""
    for folder in (_PACKAGE / "reference", _PACKAGE.parent / "results" / "reference"):
        if folder.is_dir():
            return folder
    return None


def load(name_or_file: str) -> "Sweep":
    """The sweep of that name, or the one called SWEEP in a Python file.

    Raises
    ------
    InputError
        If there is no such sweep or file, or the file cannot be run or defines no SWEEP.
    """
    if not name_or_file.endswith(".py"):
        known = shipped()
        if name_or_file not in known:
            names = ", ".join(known)
            raise InputError(
                f"there is no sweep {name_or_file!r}: take one of {names}, or a file such as my_sweep.py"
            )
        return _sweep_in(known[name_or_file])
    path = Path(name_or_file)
    if not path.is_file():
        raise InputError(f"there is no file {name_or_file}")
    return _sweep_in(path)


def _about(path: Path) -> str:
    """The text that a file's call of Sweep has as ``about``; empty where it is no plain text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Sweep":
            texts = {word.arg: word.value for word in node.keywords}
            about = texts.get("about")
            return str(about.value) if isinstance(about, ast.Constant) else ""
    return ""


def _sweep_in(path: Path) -> "Sweep":
    from gscale.bench.sweep import Sweep

    sweep = getattr(_executed(path), "SWEEP", None)
    if not isinstance(sweep, Sweep):
        raise InputError(
            f"{path} defines no SWEEP: end it with SWEEP = Sweep(name=..., about=..., profiles=...)"
        )
    return sweep


def _executed(path: Path) -> ModuleType:
    name = f"gscale_sweep_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return module
