"""LAPACK's threads do not compete with XLA's."""

import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import ThreadpoolController

from gscale.runtime import lapack_on_one_thread, limit_threads


def test_lapack_has_one_thread():
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = {library.filepath: library.num_threads for library in libraries}
    limit_threads()
    try:
        theirs = {library.filepath: library.num_threads for library in libraries}
        of_scipy = {path for path in theirs if any(part.startswith("scipy") for part in Path(path).parts)}
        assert of_scipy, "JAX factorises by a library that was not found"
        assert {theirs[path] for path in of_scipy} == {1}
        assert all(theirs[path] == before[path] for path in theirs.keys() - of_scipy)
    finally:
        for library in libraries:
            library.set_num_threads(before[library.filepath])


def test_a_fit_leaves_the_threads_as_they_were():
    libraries = [
        library
        for library in ThreadpoolController().select(user_api="blas").lib_controllers
        if any(part.startswith("scipy") for part in Path(library.filepath).parts)
    ]
    before = [library.get_num_threads() for library in libraries]
    try:
        for library in libraries:
            library.set_num_threads(2)
        with lapack_on_one_thread():
            with lapack_on_one_thread():
                assert {library.get_num_threads() for library in libraries} <= {1}
            assert {library.get_num_threads() for library in libraries} <= {1}  # the first has not left
        assert {library.get_num_threads() for library in libraries} <= {2}
    finally:
        for library, number in zip(libraries, before, strict=True):
            library.set_num_threads(number)


@pytest.mark.long
def test_batches_of_factorisations_do_not_wait_for_each_other():
    """With a held-out check two seeds of 64 dimensions waited for ever; in a process that can be ended."""
    program = (
        "import jax, gscale; from gscale.runtime import limit_threads; limit_threads();"
        "keys = jax.random.split(jax.random.key(0), 2);"
        "x = jax.random.normal(jax.random.key(1), (2, 2_000, 64));"
        "fit = jax.jit(jax.vmap(gscale.SlicedWasserstein(4, 5, 0.2).fit));"
        "print([jax.block_until_ready(fit(keys, x)).matrix.shape for _ in range(5)][-1])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == "(2, 64, 64)", run.stderr
