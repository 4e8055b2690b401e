"""Flows of rows split over all devices beside those of one, as JSON; for eight simulated ones."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gscale import Haar, LayerSpec, Moments, Quantiles, fit_layerwise, in_blocks
from gscale.flows.sharded import _fit, fit_sharded, in_shards, shard_rows

N, D = 8_000, 2
KEY = jax.random.key(3)


def difference(a, b):
    """The largest, relative to numbers above 1."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(float(np.max(np.abs(np.asarray(p) - q) / np.maximum(1, np.abs(p)))) for p, q in pairs)


def compared(dtype):
    rng = np.random.default_rng(0)
    sources = rng.gamma(2.0, size=(N, D)) + 3 * rng.integers(0, 2, (N, D))
    x = (sources @ rng.normal(size=(D, D))).astype(dtype)
    spec, rows = LayerSpec(Haar(), Quantiles(8)), shard_rows(x)
    one, losses = eqx.filter_jit(fit_layerwise)(KEY, jnp.asarray(x), spec, 3, first=Moments())  # counts
    eight, of_eight = fit_sharded(KEY, rows, spec, 3, first=Moments())
    z, _ = in_shards(eight.forward, rows)
    densities = in_shards(one.log_prob, rows)
    return {
        "flow": difference(one, eight),
        "losses": difference(losses.train, of_eight.train),
        "densities": difference(in_blocks(one.log_prob, x), densities),
        "there and back": difference(x, in_shards(eight.inverse, z)[0]),
        "rows of a device": [len(part.data) for part in z.addressable_shards + densities.addressable_shards],
    }


def program_of_a_device(n):
    """Bytes of one of eight devices, over those of all N rows; and how many operations exchange rows."""
    rows = shard_rows(np.zeros((n, 64), np.float32))
    spec = LayerSpec(Haar(), Quantiles(8))
    program = _fit.lower(rows.sharding.mesh, KEY, rows, spec, 2, None).lowered.compile()
    memory = program.memory_analysis()
    return {
        "argument": memory.argument_size_in_bytes / rows.nbytes,
        "temporaries": memory.temp_size_in_bytes / rows.nbytes,
        "gathers": sum(program.as_text().count(name) for name in ("all-gather", "all-to-all", "permute(")),
    }


if __name__ == "__main__":
    results = {"devices": len(jax.devices()), "program": program_of_a_device(320_000)}
    for dtype in ("float32", "float64"):
        with jax.enable_x64(dtype == "float64"):
            results[dtype] = compared(dtype)
    print(json.dumps(results))
