"""Every program of the sweeps and the estimators lowers for GPUs and TPUs, with no call back to the host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import Hadamard, LayerSpec, Quantiles, fit_layerwise, in_blocks
from gscale.bench import catalog
from gscale.bench.measure import timing
from gscale.estimators.flow_fitting import default_marginal
from gscale.flows.layerwise import add_layer, start

PLATFORMS = ["cuda", "tpu"]
CALLBACKS = ("callback", "python")  # in the targets of custom calls


def lowered(function, *arguments):
    """The program as exported for both platforms."""
    return jax.export.export(jax.jit(function), platforms=PLATFORMS)(*arguments).mlir_module()


def assert_no_callback(program):
    calls = [line for line in program.splitlines() if "custom_call" in line]
    assert not [line for line in calls if any(word in line for word in CALLBACKS)]


def one_of_each_kind():
    """Cells of the ci profile: one of each sweep, layer and way of training."""
    cells = {}
    for sweep in map(catalog.load, catalog.abouts()):
        for cell in sweep.cells("ci", n_seeds=2):
            cells.setdefault((sweep.name, cell.layer, cell.training), cell)
    return [pytest.param(cell, id=f"{name}-{i}") for i, ((name, *_), cell) in enumerate(cells.items())]


@pytest.mark.parametrize("cell", one_of_each_kind())
def test_programs_of_a_sweep(cell, monkeypatch):
    """What a cell compiles is lowered instead, and zeros are what it returns."""
    programs = []

    def lower(function, _effort, structure, types):
        leaves = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in types]
        shapes = jax.tree.unflatten(structure, leaves)
        programs.append(lowered(lambda *args: jax.tree.leaves(function(*args)), *shapes))
        out = jax.eval_shape(function, *shapes)
        return lambda *_: jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), out), 0.0

    monkeypatch.setattr(timing, "_compiled_for", lower)
    monkeypatch.setattr(Quantiles, "fits_on_host", lambda *_: False)  # as on such a device
    with jax.enable_x64(cell.dtype == "float64"):
        cell.training.curves(cell, lambda _: None, lambda _: None)
    assert programs or cell.training.kind == "construction"  # whose couplings are functions of their own
    for program in programs:
        assert_no_callback(program)


@pytest.mark.parametrize("what", ["start", "layer", "density", "inverse", "sample"])
def test_programs_of_the_estimators(what):
    x, key = jnp.ones((5_000, 4)), jax.random.key(0)
    spec = LayerSpec(Hadamard(), default_marginal(len(x)))
    flow = fit_layerwise(key, np.random.default_rng(0).normal(size=(100, 4)), spec, 2, first=Quantiles(None))[
        0
    ]
    state = start(key, x, x[:100], None)[0]
    programs = {
        "start": (lambda x: jax.tree.leaves(start(key, x, x[:100], Quantiles(None))), x),
        "layer": (lambda state: jax.tree.leaves(add_layer(key, state, spec, jnp.int32(1))), state),
        "density": (lambda x: in_blocks(flow.log_prob, x), x),
        "inverse": (lambda x: in_blocks(flow.inverse, x), x),
        "sample": (lambda key: flow.sample(key, 100), key),
    }
    assert_no_callback(lowered(*programs[what]))
