"""How much memory a fit takes, measured in a process of its own."""

import json
import multiprocessing
import resource
import sys
from typing import Any

from gscale.bench.speed.cases import Case

_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes that ru_maxrss counts in


def peak_memory(case: Case, n_layers: int = 10) -> dict[str, int]:
    """Bytes: the rows, the process's peak with the rows before the fit, and after fit and densities."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, case, n_layers))
    process.start()
    sender.close()
    try:
        return dict(json.loads(receiver.recv()))
    except EOFError:
        raise MemoryError(f"the fit of {case} ended early, as it does where memory runs out") from None
    finally:
        process.join()


def _measure(sender: Any, case: Case, n_layers: int) -> None:
    import jax
    import jax.numpy as jnp

    from gscale.bench.speed.layer_timing import LAYER
    from gscale.bijections.batching import in_blocks
    from gscale.flows.layerwise import fit_layerwise

    x = jnp.asarray(case.rows())
    before = _peak()
    flow, _ = fit_layerwise(jax.random.key(0), x, LAYER, n_layers)
    jax.block_until_ready(jax.jit(lambda flow, x: in_blocks(flow.log_prob, x))(flow, x))
    sender.send(json.dumps({"rows": x.nbytes, "before": before, "after": _peak()}))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
