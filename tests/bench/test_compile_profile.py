"""What a run compiled, as it is recorded and printed."""

import jax
import jax.numpy as jnp
import pytest

from gscale.bench.compile_profile import compile_profile
from gscale.cli.main import main


def test_programs_are_counted_by_name():
    def cubed(x):
        return x**3 + jnp.sin(x)

    with compile_profile() as profile:
        for n in (3, 4, 5):
            jax.jit(cubed)(jnp.ones(n)).block_until_ready()
    jax.jit(cubed)(jnp.ones(6))  # no longer recorded
    programs = profile.programs().set_index("program")
    assert programs.loc["cubed", "programs"] == 3
    assert programs.loc["cubed", "lines"] > 3
    seconds = profile.cpu_seconds()
    assert set(seconds) == {"tracing", "lowering", "compiling", "running and the rest"}
    assert seconds["compiling"] > 0
    text = list(profile.lines_of_text(1))
    assert len(text) == 3
    assert "processor time" in text[0]


def test_a_run_prints_its_profile(tmp_path, capsys):
    what = ["gaussian_population", "--profile", "ci", "--dims", "3", "--seeds", "1", "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main(["run", *what, "--profile-compile"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "CPU seconds" in out
    assert "compiling" in out


def test_a_profile_is_of_one_process(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["run", "rates", "--profile-compile", "--jobs", "2", "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert "--profile-compile is of one process" in capsys.readouterr().err
