"""Pages that mkdocs makes besides docs/: the README as the start page, and the reference of public names."""

import ast
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gscale"

# What is documented is what is exported: the names in the stubs of these packages.
PACKAGES = ("gscale", *(f"gscale.{name}" for name in ("data", "theory", "estimators", "images", "bench")))
PACKAGES = (*PACKAGES, "gscale.results", "gscale.analysis", "gscale.figures")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the packages to the navigation."""
    entries: list[Any] = [{package: f"reference/{package}.md"} for package in PACKAGES]
    config.nav.append({"Reference": entries})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    pages = {f"reference/{package}.md": _reference(package) for package in PACKAGES}
    for name, content in {"index.md": _start(), **pages}.items():
        files.append(File.generated(config, name, content=content))
    return files


def public_names(package: str) -> dict[str, str]:
    """The exported names of a package, sorted, with the modules that define them, from its stub."""
    stub = PACKAGE.joinpath(*package.split(".")[1:], "__init__.pyi")
    modules = {
        alias.asname or alias.name: f"{package}.{node.module}"
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return dict(sorted(modules.items(), key=lambda item: item[0].lower()))


def _start() -> str:
    readme = (ROOT / "README.md").read_text()
    source = "](gscale/bijections/rotations.py)"
    return readme.replace("](docs/", "](").replace(source, "](reference/gscale.md)")


def _reference(package: str) -> str:
    entries = [f"::: {module}.{name}" for name, module in public_names(package).items()]
    return "\n\n".join([f"# {package}", f"Import these names from `{package}`.", *entries])
