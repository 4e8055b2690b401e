"""Trainable parameters: maps written in parameters that have no limits.

A map whose parameters have limits, a positive scale or knots in order, has a method ``unconstrained()``
that returns an `Unconstrained`: the same map in numbers that may take any value. A map of your own without
one is trained as it is, all its arrays of floats.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

Tree = TypeVar("Tree")
Parts = Callable[[Any], Any]


class Unconstrained(eqx.Module):
    """A map in parameters without limits. It may be stacked: its arrays may have more leading axes."""

    @abstractmethod
    def constrained(self) -> Any:
        """The map with the present parameters."""


class NonTrainable(Unconstrained):
    """A map, or a part of one, that is not trained.

    Examples
    --------
    >>> constrain({"rotation": NonTrainable(jnp.eye(2)), "shift": jnp.zeros(2)})["rotation"].shape
    (2, 2)
    """

    value: Any

    def constrained(self) -> Any:
        """The value; no gradient goes through it."""
        return lax.stop_gradient(self.value)


def unconstrain(tree: Any) -> Any:
    """A flow or a layer with every map in it written in parameters without limits.

    Examples
    --------
    >>> from gscale import AffineMap
    >>> free = unconstrain({"marginal": AffineMap(jnp.zeros(2), jnp.ones(2))})
    >>> constrain(free)["marginal"].scale.tolist()
    [1.0, 1.0]
    """
    return jax.tree.map(
        lambda node: node.unconstrained() if _is_constrained(node) else node, tree, is_leaf=_is_constrained
    )


def constrain(tree: Any) -> Any:
    """Undo `unconstrain`: every map with its present parameters."""
    return jax.tree.map(
        lambda node: node.constrained() if _is_unconstrained(node) else node, tree, is_leaf=_is_unconstrained
    )


def split(tree: Tree, parts: Parts) -> tuple[Tree, Tree]:
    """The arrays to train, and all else, of an unconstrained tree; ``eqx.combine`` joins them again.

    ``parts`` selects what is to be trained from a tree; what is `NonTrainable` in that is not.
    """
    trainable = jax.tree.map(_trainable, tree, is_leaf=lambda node: isinstance(node, NonTrainable))
    none = jax.tree.map(lambda _: False, trainable)
    return eqx.partition(tree, eqx.tree_at(parts, none, parts(trainable)))


@dataclass(frozen=True)
class AllParameters:
    """Train marginals, couplings, and the rotations that can be trained."""

    def __call__(self, tree: Any) -> Any:
        return tree


@dataclass(frozen=True)
class MarginalParameters:
    """Train the maps of single coordinates alone: the fields ``marginal`` and ``first``."""

    def __call__(self, tree: Any) -> Any:
        return [leaf for path, leaf in jax.tree.leaves_with_path(tree) if any(map(_is_marginal, path))]


def bounded(value: Array, bound: float) -> Array:
    """The identity near zero, bent to stay within ±bound."""
    return bound * jnp.tanh(value / bound)


def _is_constrained(node: Any) -> bool:
    return hasattr(node, "unconstrained")


def _is_unconstrained(node: Any) -> bool:
    return isinstance(node, Unconstrained)


def _trainable(node: Any) -> Any:
    if isinstance(node, NonTrainable):
        return jax.tree.map(lambda _: False, node)
    return eqx.is_inexact_array(node)


def _is_marginal(key: Any) -> bool:
    return getattr(key, "name", None) in ("marginal", "first")
