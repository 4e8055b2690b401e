"""LAPACK's threads do not compete with XLA's."""

from pathlib import Path

from threadpoolctl import ThreadpoolController

from gscale.runtime import limit_threads


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
