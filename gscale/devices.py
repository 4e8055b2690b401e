"""Which devices compute: a kind of them, or those of several hosts."""

import os

import jax

from gscale.errors import InputError


def use(kind: str) -> None:
    """Compute on devices of one kind, here and in processes started from here.

    Parameters
    ----------
    kind : str
        "cpu" or "gpu", or another platform that JAX knows.

    Raises
    ------
    InputError
        If there is none of that kind, or something was computed on another before.
    """
    before = jax.config.values["jax_platforms"]
    jax.config.update("jax_platforms", kind)
    try:
        there = {device.platform for device in jax.devices()}
    except RuntimeError:
        jax.config.update("jax_platforms", before)
        raise InputError(
            f"there is no device {kind!r} that JAX can compute on: take cpu, or install the extra cuda13"
        ) from None
    if kind not in there:
        raise InputError(f"JAX computes on {', '.join(sorted(there))} already, not on {kind!r}")
    os.environ["JAX_PLATFORMS"] = kind


def join_hosts(
    address: str | None = None,
    n_processes: int | None = None,
    index: int | None = None,
    timeout: int = 60,
) -> None:
    """Let the processes of several hosts compute together; each calls it first, once.

    Then `jax.devices` has the devices of all, and `gscale.sharded.shard_rows` takes the rows of each.

    Parameters
    ----------
    address : str, optional
        Host and port of the process 0, such as "node1:1234". Under SLURM, Open MPI, Kubernetes and on Cloud
        TPUs JAX finds all three on its own.
    n_processes, index : int, optional
        How many there are, and which this one is, from 0.
    timeout : int
        Seconds to wait for the others.

    Raises
    ------
    InputError
        If something was computed before, or JAX doesn't find who the others are.
    """
    if jax.distributed.is_initialized():
        return
    given = (address, n_processes, index)
    if any(part is None for part in given) and any(part is not None for part in given):
        raise InputError(f"hosts are joined by address, n_processes and index, all or none: they are {given}")
    try:
        jax.distributed.initialize(address, n_processes, index, initialization_timeout=timeout)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"hosts can't be joined ({reason}): call it before all else, with address, n_processes and index"
        ) from None
