"""Pages that mkdocs makes besides docs/: the README as the start page, and a reference page for each room."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gscale"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the rooms to the navigation, so that a new one is there by itself."""
    entries: list[Any] = [{room: f"reference/{room}.md"} for room in _rooms()]
    config.nav.append({"Reference": entries})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    pages = {f"reference/{room}.md": _reference(room, modules) for room, modules in _rooms().items()}
    for name, content in {"index.md": _start(), **pages}.items():
        files.append(File.generated(config, name, content=content))
    return files


def _start() -> str:
    readme = (ROOT / "README.md").read_text()
    return readme.replace("](docs/", "](").replace("](gscale/rotations.py)", "](reference/rotations.md)")


def _rooms() -> dict[str, list[str]]:
    """The public modules of each file and folder of the package."""
    rooms: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not parts[-1].startswith("_"):
            rooms.setdefault(parts[0], []).append(".".join(("gscale", *parts)))
    return rooms


def _reference(room: str, modules: list[str]) -> str:
    return "\n\n".join([f"# {room}", *(f"::: {module}" for module in modules)])
