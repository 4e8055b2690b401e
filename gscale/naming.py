"""Names of classes in files: settings of results and parts of saved models are stored under them.

A file names a class and never a module, so that moving code changes no file. A class that is renamed keeps
what it was called in files by ``stored_name: ClassVar[str] = "OldName"``: ids of cells and saved models stay
valid.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import get_args

# The folders whose specs and maps a saved model may be made of, in the order in which they are searched:
# names are unique over all of them.
_FOLDERS = ("bijections", "flows", "estimators", "images")


def stored_name(kind: type) -> str:
    """What a class is called in files.

    Examples
    --------
    >>> class Renamed:
    ...     stored_name = "Original"
    >>> class Derived(Renamed): ...
    >>> stored_name(Renamed), stored_name(Derived)
    ('Original', 'Derived')
    """
    return str(kind.__dict__.get("stored_name", kind.__name__))


def class_named(name: str) -> type | None:
    """The spec or map of gscale that is stored under a name; None if there is none."""
    return next((kinds[name] for kinds in map(stored_classes, _FOLDERS) if name in kinds), None)


def is_stored(kind: type) -> bool:
    """Whether a class is a spec or map of gscale, so that a saved model may be made of it."""
    return class_named(stored_name(kind)) is kind


@cache
def stored_classes(folder: str) -> dict[str, type]:
    """The dataclasses of one folder of the package by stored name; its modules are imported."""
    return {stored_name(kind): kind for kind in _dataclasses(f"gscale.{folder}")}


def _dataclasses(package: str) -> Iterator[type]:
    for part in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{part.name}")
        for kind in vars(module).values():
            ours = isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
            if ours and not kind.__name__.startswith("_") and not _has_path(kind):
                yield kind


def _has_path(kind: type) -> bool:
    """Whether a class names a file: reading a saved model opens no other file."""
    return any(Path in (field.type, *get_args(field.type)) for field in fields(kind))
