"""The folders of the package are levels: an import goes to a lower one, or stays in its own folder."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "gscale"

# The import rule: a module imports its own folder and what stands further left; folders of one level do not
# import each other.
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


def imported_by(path):
    """The modules and folders right below gscale that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (
                ([alias.name for alias in node.names] if node.module == "gscale" else [node.module])
                if node.module.split(".")[0] == "gscale"
                else []
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "gscale")
