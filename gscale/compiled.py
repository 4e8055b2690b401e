"""Compiled programs kept on disk, so that the next run of the command reads what this one compiled."""

import hashlib
import os
import platform
from pathlib import Path

import jax
import pooch

_MOST = 2**30  # bytes; what was read longest ago goes first
_LEAST_SECONDS = 0.1


def keep_compiled() -> Path | None:
    """Keep programs in the user's cache, in a folder for this kind of processor; return it.

    Whoever set JAX's own setting or JAX_COMPILATION_CACHE_DIR has decided; where nothing can be written,
    programs are compiled anew as without this. Then None is returned.
    """
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return None
    folder = Path(pooch.os_cache("gscale")) / "compiled" / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", _MOST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
    return folder


def _processor() -> str:
    """A name for what the processor can do: programs compiled for another may not run on it."""
    described = [platform.machine(), platform.processor()]
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(errors="replace").splitlines()
        described += sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:12]
