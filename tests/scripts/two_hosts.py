"""One of two processes that fit a flow to rows of which each has half: INDEX ADDRESS."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gscale import Haar, LayerSpec, Quantiles, fit_layerwise
from gscale.flows.sharded import fit_sharded, shard_rows
from gscale.runtime import join_hosts

if __name__ == "__main__":
    index, address = int(sys.argv[1]), sys.argv[2]
    join_hosts(address, 2, index)
    x = np.random.default_rng(0).gamma(2.0, size=(10_000, 2)).astype(np.float32)
    spec, key = LayerSpec(Haar(), Quantiles(8)), jax.random.key(0)
    _, together = fit_sharded(key, shard_rows(np.split(x, 2)[index]), spec, 2)
    _, alone = eqx.filter_jit(fit_layerwise)(key, jnp.asarray(x), spec, 2)  # counts quantiles
    np.testing.assert_allclose(together.train, alone.train, rtol=1e-5)
    print(f"process {index} of {jax.process_count()}: {len(jax.devices())} devices")
