"""Where a number comes from: device, versions and commit."""

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jax

import gscale


@cache
def provenance() -> dict[str, str | None]:
    """``device``, versions of ``jax`` and ``gscale``, and ``commit``, as the tables have them."""
    device = jax.devices()[0]
    name = platform.machine() if device.platform == "cpu" else device.device_kind
    return {
        "device": f"{device.platform} {name}",
        "jax": version("jax"),
        "gscale": gscale.__version__,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Commit of the checkout this package runs from, marked where files differ; None outside of one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=Path(gscale.__file__).parent, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
