"""The command keeps what it compiled."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import pytest

from gscale.runtime import Program, cache_compiled_programs, compiler_options

RUN = [
    sys.executable,
    "-m",
    "gscale.cli.main",
    "run",
    "gaussian_population",
    "--dims",
    "2",
    "--seeds",
    "1",
]


@pytest.fixture
def unset(monkeypatch, tmp_path):
    names = ("dir", "max_size")
    before = {name: getattr(jax.config, f"jax_compilation_cache_{name}") for name in names}
    seconds = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield
    for name, value in before.items():
        jax.config.update(f"jax_compilation_cache_{name}", value)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)


@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache is named by XDG_CACHE_HOME on Linux")
@pytest.mark.usefixtures("unset")
def test_it_lies_in_the_users_cache_unless_the_user_says_otherwise(tmp_path):
    folder = cache_compiled_programs()
    assert folder is not None
    assert folder.is_relative_to(tmp_path)
    assert jax.config.jax_compilation_cache_dir == str(folder)
    assert cache_compiled_programs() is None  # now somebody has decided


@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache is named by XDG_CACHE_HOME on Linux")
@pytest.mark.usefixtures("unset")
def test_without_a_place_to_write_nothing_is_kept(tmp_path):
    (tmp_path / "gscale").write_text("no folder")
    assert cache_compiled_programs() is None
    assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache is named by XDG_CACHE_HOME on Linux")
def test_a_second_run_reads_what_the_first_compiled(tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    env |= {"XDG_CACHE_HOME": str(tmp_path)}
    used = []
    for out in ("first", "second"):
        done = subprocess.run([*RUN, "--out", str(tmp_path / out)], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        # a program's file beside it says when it was last read
        used.append({path.name: path.read_bytes() for path in tmp_path.glob("gscale/compiled/*/*-atime")})
    assert used[0]
    assert all(used[1][name] != used[0][name] for name in used[0])


def test_programs_are_the_functions_they_are_made_of():
    """Called, lowered, within another program, with static arguments, and as a method."""

    @dataclass(frozen=True)
    class Scaled:
        factor: float

        @partial(Program, static_argnums=(0, 2))
        def times(self, x, n):
            """Doc."""
            return self.factor * n * x

    assert float(Scaled(2.0).times(jnp.float32(3), 4)) == 24
    assert float(jax.jit(lambda x: Scaled(2.0).times(x, 4))(3.0)) == 24
    assert Scaled.times.__doc__ == "Doc."
    assert "multiply" in Program(lambda x: 2 * x).lower(3.0).as_text()


def test_efforts_give_the_same_numbers():
    x = jax.random.normal(jax.random.key(0), (500, 4))
    results = [Program(lambda x: jnp.sin(x) @ x.T + x.sum(), effort)(x) for effort in (0, 1, 2)]
    for result in results[:2]:
        assert jnp.allclose(result, results[2], rtol=1e-5, atol=1e-5)
    assert compiler_options(2) == {}
    assert compiler_options(1) == {"xla_backend_optimization_level": 1}
