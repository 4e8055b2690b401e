"""Rows split over devices: the flow of one device, and no device holds the rows of another."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from gscale import PCA, Haar, InputError, LayerSpec, LinearCoupling, Quantiles
from gscale.flows.sharded import fit_sharded, shard_rows
from gscale.runtime import join_hosts, use_devices

HERE = Path(__file__).parents[1]
LAYER = LayerSpec(Haar(), Quantiles(8))
X = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def eight():
    command = [sys.executable, str(HERE / "scripts" / "eight_devices.py")]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": f"{flags} --xla_cpu_multi_thread_eigen=false"}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(run.stdout)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_eight_devices_fit_the_flow_of_one(eight, dtype, tolerance):
    assert eight["devices"] == 8
    for name in ("flow", "losses", "densities", "there and back"):
        assert eight[dtype][name] < tolerance, name
    assert set(eight[dtype]["rows of a device"]) == {8_000 // 8}


def test_a_device_holds_an_eighth_of_the_rows(eight):
    program = eight["program"]
    assert program["argument"] == pytest.approx(1 / 8, rel=0.01)
    # its rows' images, what a block of them takes on the way, and the bins they are counted in
    assert program["temporaries"] < 3 / 8
    assert program["gathers"] == 0


@pytest.mark.long
def test_two_hosts_fit_the_flow_of_one():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    hosts = [
        subprocess.Popen(
            [sys.executable, str(HERE / "scripts" / "two_hosts.py"), str(index), address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
        )
        for index in range(2)
    ]
    for index, host in enumerate(hosts):
        out, err = host.communicate(timeout=120)
        assert f"process {index} of 2: 2 devices" in out, err


@pytest.mark.parametrize(
    ("x", "spec", "n_layers", "message"),
    [
        (X, LAYER, 0, "n_layers is 0"),
        (X, LayerSpec(PCA(), Quantiles(8)), 1, "PCA.* take one that doesn't, as Haar"),
        (X, LayerSpec(Haar(), Quantiles(8), LinearCoupling()), 1, "leave it out"),
        (X, LayerSpec(Haar(), Quantiles(8, bandwidth=1.0)), 1, "leave the bandwidth at 0"),
        (np.where(np.arange(100)[:, None] == 3, np.nan, X), LAYER, 1, "column 0 holds NaN or infinity"),
        (np.ones_like(X), LAYER, 1, "column 0 has no variance"),
    ],
)
def test_what_cannot_be_fitted_is_told(x, spec, n_layers, message):
    with pytest.raises(InputError, match=message):
        fit_sharded(jax.random.key(0), shard_rows(x), spec, n_layers)


def test_rows_are_to_be_split_evenly_and_before():
    device = jax.devices()[0]
    with pytest.raises(InputError, match="100 rows on 3 devices: leave out 1"):
        shard_rows(X, [device] * 3)
    with pytest.raises(InputError, match=r"split over devices by shard_rows\(x\) first"):
        fit_sharded(jax.random.key(0), jax.numpy.asarray(X), LAYER, 1)


def test_hosts_that_do_not_know_each_other_are_one_line():
    with pytest.raises(InputError, match=r"all or none: they are \('a:1', None, 0\)"):
        join_hosts("a:1", None, 0)
    jax.numpy.zeros(1).block_until_ready()
    with pytest.raises(InputError, match="call it before all else"):
        join_hosts("localhost:1", 2, 0)


def test_a_device_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    use_devices("cpu")
    assert os.environ["JAX_PLATFORMS"] == "cpu"
    with pytest.raises(InputError, match=r"JAX computes on cpu already, not on 'gpu'|no device 'gpu'"):
        use_devices("gpu")


def test_a_run_is_told_on_what_to_compute(gscale):
    mine = str(HERE / "scripts" / "my_sweep.py")
    code, _, err = gscale("run", mine, "--device", "gpu")
    assert (code, err.count("\n")) == (2, 1)
    assert "not on 'gpu'" in err or "no device 'gpu'" in err
    assert not Path("results").exists()
    assert gscale("run", mine, "--device", "cpu")[0] == 0
