"""The folders of the package are levels: an import goes to a lower one, or stays in its own folder."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gscale"

# The import rule. A module imports its own folder and what stands in lines above it; folders of one line do
# not import each other.
LEVELS = (
    ("errors",),
    ("metrics", "naming", "validation", "runtime"),
    ("bijections",),
    ("flows", "theory", "results"),
    ("data", "analysis"),
    ("estimators", "figures"),
    ("images",),
    ("bench",),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
READS_TABLES = ("list", "status", "merge", "fit", "check", "plot", "report")


def imported_by(source):
    """The folders and modules right below gscale that a file imports, also within functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            names = [alias.name for alias in node.names] if node.module == "gscale" else [""]
            modules = [f"{node.module}.{name}" for name in names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        yield from (module.split(".")[1] for module in modules if module.startswith("gscale."))


def wrong_imports(folder, source):
    """What a file in a folder (or a module right below gscale) must not import."""
    allowed = {name for name, level in LEVEL.items() if level < LEVEL[folder]} | {folder}
    return set(imported_by(source)) - allowed


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_downwards(path):
    folder = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if folder != "__init__":
        assert folder in LEVEL, f"{folder} is no level: put it into the list"
        assert not wrong_imports(folder, path.read_text())


@pytest.mark.parametrize(
    ("folder", "source", "wrong"),
    [
        ("analysis", "from gscale.bench.cell import Cell", {"bench"}),
        ("analysis", "from gscale.data import Gaussian", {"data"}),
        ("theory", "def f():\n    import gscale.flows.flow", {"flows"}),
        ("flows", "from gscale.bijections.base import Spec", set()),
    ],
)
def test_a_file_on_the_wrong_level_fails(folder, source, wrong):
    assert wrong_imports(folder, source) == wrong


def test_no_two_modules_have_one_name():
    """But for the faces of folders, contracts, and a command beside the library of its name."""
    modules = [path for path in PACKAGE.rglob("*.py") if path.stem not in ("__init__", "base")]
    names = Counter(path.stem for path in modules if path.parent.name != "cli")
    assert [name for name, count in names.items() if count > 1] == []
    assert len(list(PACKAGE.glob("*.py"))) <= 6


_BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "jaxlib", "equinox", "optax"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Blocked())
"""


@pytest.mark.parametrize("folder", ["analysis", "figures", "results"])
def test_what_reads_tables_runs_without_jax(folder):
    modules = [
        "gscale." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((PACKAGE / folder).rglob("*.py"))
    ]
    code = f"{_BLOCKED}\nfrom importlib import import_module\nfor name in {modules}: import_module(name)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_commands_that_read_tables_run_without_jax(tmp_path):
    """Each of them to its end, and the help."""
    reference = PACKAGE.parent / "results" / "reference" / "theorem1"
    arguments = {
        "list": [],
        "status": [reference],
        "merge": [reference, "--out", tmp_path / "merged"],
        "fit": [reference, "--at", "5"],
        "check": [reference, "--baseline", tmp_path / "slopes.toml", "--update", "--reason", "a test"],
        "plot": [tmp_path / "merged"],
        "report": [reference, "--out", tmp_path / "report.html"],
        "--help": [],
    }
    commands = [[command, *map(str, rest)] for command, rest in arguments.items()]
    code = (
        f"{_BLOCKED}\nfrom gscale.cli.main import main\nfor command in {commands}:\n"
        "    try:\n        main(command)\n    except SystemExit as end:\n        assert not end.code, command"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert arguments.keys() >= set(READS_TABLES)


def test_importing_gscale_leaves_the_configuration_of_jax_alone():
    code = (
        "import jax; before = dict(jax.config.values)\n"
        "import gscale, gscale.cli.main, gscale.bench.measure.run_cell\n"
        "assert dict(jax.config.values) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
