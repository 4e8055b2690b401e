"""Threads on CPUs: those of XLA, and of the library that factorises JAX's matrices."""

import os
from pathlib import Path

import scipy.linalg.cython_lapack  # noqa: F401 - loads the library that JAX calls
from threadpoolctl import ThreadpoolController

_THREADED = "xla_cpu_multi_thread_eigen"


def keep_from_hanging() -> None:
    """Keep products on CPUs to one thread, where XLA's threads may wait for each other for ever.

    They did in three runs of three of ICA(30) at N = 8000 and D above 36 (jax 0.10). XLA reads its flags when
    it first computes. Whoever sets the flag decides.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _THREADED not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{_THREADED}=false".strip()


def keep_lapack_to_one_thread() -> None:
    """Let JAX's factorisations compute in the thread that calls them.

    Behind a layer's QR, threads of OpenBLAS wait busily for more to do and take a core from XLA: a layer of
    256 dimensions took a third longer on two idle cores, and ten times longer on two busy ones. Two threads
    factorise a matrix of 1,024 dimensions no faster than one.
    """
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        if any(part.startswith("scipy") for part in Path(library.filepath).parts):  # NumPy has its own
            library.set_num_threads(1)
