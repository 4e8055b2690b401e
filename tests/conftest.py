"""Settings for all tests: a shape that broadcasts by accident is an error; compiled code is shared."""

import os
import tempfile
from importlib.metadata import version

# Two workers, and the commands that tests start, compile much of the same: what one has compiled the others
# read. Set before JAX is imported, and by the first process of them all alone.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="gscale-tests-", ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _folder.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

# Four fifths of a run is compiling, most of which for a few rows: half of that time is optimising. Tests that
# compute more than they compile are marked `optimised`. What users run, .ci/run measures as they do.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
if version("jaxlib").startswith("0.10."):  # later ones don't know the flag; a third of the time to compile
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"

import jax
import numpy as np
import pandas as pd
import pytest

from gscale import Haar, LayerSpec, LinearCoupling, Moments
from gscale.bench import model_grid as pilot
from gscale.cli import main as cli

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True)
def _optimised(request):
    """Compile the tests marked so as users' code is."""
    marked = request.node.get_closest_marker("optimised") is not None
    jax.config.update("jax_disable_most_optimizations", not marked)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Run a test in both precisions, float64 enabled for its own."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@pytest.fixture
def gscale(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder; return exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return command


@pytest.fixture
def my_rows(tmp_path):
    """A file of correlated columns, one of them constant."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 6)) @ rng.standard_normal((6, 6))
    pd.DataFrame(rows).assign(same=1).to_csv(tmp_path / "my.csv", index=False)
    return tmp_path / "my.csv"


@pytest.fixture
def my_sessions(tmp_path):
    """Files of mixed columns, one of them with a label."""
    rng = np.random.default_rng(0)
    normal = pd.DataFrame({"bytes": np.exp(rng.normal(size=300)), "flag": rng.choice(["SF", "S0"], 300)})
    normal.to_csv(tmp_path / "sessions.csv", index=False)
    labels = np.repeat(["normal", "attack"], [280, 20])
    normal.assign(label=labels).to_csv(tmp_path / "new.csv", index=False)


@pytest.fixture
def small_pilot(monkeypatch):
    """A pilot of two models that compile fast, at three D."""
    coupled = LayerSpec(Haar(), Moments(), coupling=LinearCoupling())
    monkeypatch.setattr(pilot, "gaussianizations", lambda: (LayerSpec(Haar(), Moments()),))
    monkeypatch.setattr(pilot, "couplings", lambda _: (coupled,))
    monkeypatch.setattr(pilot, "_MOST_DIMS", 3)
