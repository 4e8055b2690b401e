"""The machine: whole files, devices, hosts, threads, and compiled programs kept on disk.

JAX is imported by the functions that configure it, so that commands which only look at files start without.
"""

import hashlib
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from types import MethodType
from typing import Any

import pooch

from gscale.errors import InputError

_CACHE_SIZE = 2**30  # bytes of compiled programs; the least recently used are dropped first
_CACHED_SECONDS = 0.1  # of compiling, from which on a program is kept
_EIGEN_THREADS = "xla_cpu_multi_thread_eigen"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path to write to, whose file is flushed to the disk and renamed: it is whole or not there.

    Raises
    ------
    OSError
        If it cannot be written; no part of it is left behind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file as `atomic_path` does.

    Raises
    ------
    OSError
        If it cannot be written; no part of it is left behind.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_output(path: Path, content: bytes, remedy: str = "choose another file") -> None:
    """`write_atomic` for a file that a user named: a failure is one line that says what to do.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    try:
        write_atomic(path, content)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; {remedy}") from None


def make_output_folder(folder: Path) -> None:
    """Make the folder that a user named, before anything is computed for it.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}; choose another folder") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write to {folder}: choose another folder")


def use_devices(kind: str) -> None:
    """Compute on devices of one kind, here and in processes started from here.

    Parameters
    ----------
    kind : str
        "cpu" or "gpu", or another platform that JAX knows.

    Raises
    ------
    InputError
        If there is none of that kind, or something was computed on another before.
    """
    import jax

    before = jax.config.values["jax_platforms"]
    jax.config.update("jax_platforms", kind)
    try:
        available = {device.platform for device in jax.devices()}
    except RuntimeError:
        jax.config.update("jax_platforms", before)
        raise InputError(
            f"there is no device {kind!r} that JAX can compute on: take cpu, or install the extra cuda13"
        ) from None
    if kind not in available:
        raise InputError(f"JAX computes on {', '.join(sorted(available))} already, not on {kind!r}")
    os.environ["JAX_PLATFORMS"] = kind


def join_hosts(
    address: str | None = None,
    n_processes: int | None = None,
    index: int | None = None,
    timeout: int = 60,
) -> None:
    """Let the processes of several hosts compute together; each calls it first, once.

    Then `jax.devices` has the devices of all, and `gscale.shard_rows` takes the rows of each.

    Parameters
    ----------
    address : str, optional
        Host and port of the process 0, such as "node1:1234". Under SLURM, Open MPI, Kubernetes and on Cloud
        TPUs JAX finds all three on its own.
    n_processes, index : int, optional
        How many there are, and which this one is, from 0.
    timeout : int
        Seconds to wait for the others.

    Raises
    ------
    InputError
        If something was computed before, or JAX doesn't find who the others are.
    """
    import jax

    if jax.distributed.is_initialized():
        return
    given = (address, n_processes, index)
    if any(part is None for part in given) and any(part is not None for part in given):
        raise InputError(f"hosts are joined by address, n_processes and index, all or none: they are {given}")
    try:
        jax.distributed.initialize(address, n_processes, index, initialization_timeout=timeout)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"hosts can't be joined ({reason}): call it before all else, with address, n_processes and index"
        ) from None


def cache_compiled_programs() -> Path | None:
    """Keep compiled programs in the user's cache, in a folder for this kind of processor; return it.

    Where JAX's own setting or JAX_COMPILATION_CACHE_DIR is set, that one holds; where nothing can be
    written, programs are compiled anew in each run. Then None is returned.
    """
    import jax

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
    jax.config.update("jax_compilation_cache_max_size", _CACHE_SIZE)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _CACHED_SECONDS)
    return folder


def _processor() -> str:
    """A name for what the processor can do: programs compiled for another may not run on it."""
    described = [platform.machine(), platform.processor()]
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(errors="replace").splitlines()
        described += sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:12]


class Program:
    """`jax.jit` of a function, compiled for CPUs with as much effort as its run deserves.

    Parameters
    ----------
    function : callable
    effort : int
        See `compiler_options`.
    **options
        Of `jax.jit`.

    Examples
    --------
    >>> int(Program(lambda x: x + 1)(1))
    2
    """

    def __init__(self, function: Callable[..., Any], effort: int = 0, **options: Any) -> None:
        self._function, self._effort, self._options = function, effort, options
        update_wrapper(self, function)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        import jax

        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((arguments, keywords))):
            return self._jitted(*arguments, **keywords)  # part of another program, whose options hold
        return self._compiled(*arguments, **keywords)

    def __get__(self, owner: object, kind: type | None = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    def lower(self, *arguments: Any) -> Any:
        """What `jax.jit(function).lower` returns."""
        return self._jitted.lower(*arguments)

    @cached_property
    def _jitted(self) -> Any:
        import jax

        return jax.jit(self._function, **self._options)

    @cached_property
    def _compiled(self) -> Any:
        import jax

        return jax.jit(self._function, compiler_options=compiler_options(self._effort), **self._options)


def compiler_options(effort: int) -> dict[str, Any]:
    """Options for XLA's compiler on CPUs; none on other devices.

    Parameters
    ----------
    effort : int
        0 for what runs for seconds or on small matrices: compiles in 0.3 to 0.4 of XLA's own time, and loops
        over many numbers take up to twice as long. 1: in 0.5 to 0.75 of that time, and loops take no longer.
        2: XLA's own options.

    Notes
    -----
    XLA's newer emitter of fused loops, which effort 0 does without, starts a compiler of its own for each
    loop; levels of optimisation above 1 pay back after minutes, if at all.
    """
    import jax

    if effort >= 2 or jax.default_backend() != "cpu":
        return {}
    wanted: dict[str, Any] = {"xla_backend_optimization_level": 1}
    if effort == 0:
        wanted["xla_cpu_use_fusion_emitters"] = False
    return {name: value for name, value in wanted.items() if _is_option(name, value)}


@cache
def _is_option(name: str, value: int) -> bool:
    """Whether this version of XLA knows an option."""
    import jax

    options: dict[str, Any] = {name: value}
    try:
        jax.jit(lambda: 0).lower().compile(compiler_options=options)
    except jax.errors.JaxRuntimeError:
        return False
    return True


def limit_threads() -> None:
    """Keep XLA's matrix products, and the factorisations of LAPACK, to the thread that calls them.

    XLA's threads for products on CPUs may wait for each other for ever; they did in three runs of three of
    ICA(30) at N = 8000 and D above 36 (jax 0.10). XLA reads its flags when it first computes; where XLA_FLAGS
    has the flag already, that value holds. For LAPACK see `lapack_on_one_thread`.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _EIGEN_THREADS not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{_EIGEN_THREADS}=false".strip()
    for library in _lapack():
        library.set_num_threads(1)


@contextmanager
def lapack_on_one_thread() -> Iterator[None]:
    """Keep factorisations of LAPACK to the thread that calls them, while one fit or several are running.

    Behind a layer's QR, threads of OpenBLAS wait busily for more to do and take a core from XLA. A layer of
    256 dimensions took a third longer on two idle cores, and ten times longer on two busy ones. Two threads
    factorise a matrix of 1,024 dimensions no faster than one.
    """
    _lapack_limit.enter()
    try:
        yield
    finally:
        _lapack_limit.leave()


class _LapackLimit:
    """One thread from the first that enters until the last has left."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._before: list[int] = []

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = [library.get_num_threads() for library in _lapack()]
                for library in _lapack():
                    library.set_num_threads(1)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for library, number in zip(_lapack(), self._before, strict=True):
                    library.set_num_threads(number)


_lapack_limit = _LapackLimit()


@cache
def _lapack() -> tuple[Any, ...]:
    """The libraries of SciPy, whose LAPACK JAX calls; NumPy has its own."""
    import scipy.linalg.cython_lapack  # noqa: F401 - loads it
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple(one for one in found if any(part.startswith("scipy") for part in Path(one.filepath).parts))
