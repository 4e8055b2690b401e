"""Finding sweeps: those that come with gscale, and the user's own files."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from gscale.bench.speed.cases import Case
from gscale.bench.sweep import Profile, Sweep
from gscale.errors import InputError

_PACKAGE = Path(__file__).parents[1]
_SPEED = "speed"  # times cases, and sweeps no D for layers


def shipped() -> dict[str, Path]:
    """The sweeps that come with gscale, by name."""
    return {name: path for name, path in _experiments().items() if name != _SPEED}


def speed_cases(profile: Profile) -> tuple[Case, ...]:
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


def load(name_or_file: str) -> Sweep:
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


def _sweep_in(path: Path) -> Sweep:
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
