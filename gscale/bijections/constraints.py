"""What gradient steps may move: maps written in parameters that have no limits.

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
    """A map in parameters without limits. It may be stacked: arrays may have more leading axes."""

    @abstractmethod
    def constrained(self) -> Any:
        """The map with the parameters as they are."""


class NonTrainable(Unconstrained):
    """A map, or a part of one, that is not trained.

    Examples
    --------
    >>> unconstrain(constrain({"rotation": NonTrainable(jnp.eye(2)), "shift": jnp.zeros(2)}))["rotation"].shape
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
    return jax.tree.map(lambda node: node.unconstrained() if _limited(node) else node, tree, is_leaf=_limited)


def constrain(tree: Any) -> Any:
    """Undo `unconstrain`, with the parameters as they are now."""
    return jax.tree.map(lambda node: node.constrained() if _free(node) else node, tree, is_leaf=_free)


def split(tree: Tree, parts: Parts) -> tuple[Tree, Tree]:
    """The arrays to train, and all else, of an unconstrained tree; ``eqx.combine`` puts them together.

    ``parts`` takes from a tree what is to be trained; of that, what is `NonTrainable` stays.
    """
    movable = jax.tree.map(_movable, tree, is_leaf=lambda node: isinstance(node, NonTrainable))
    none = jax.tree.map(lambda _: False, movable)
    return eqx.partition(tree, eqx.tree_at(parts, none, parts(movable)))


@dataclass(frozen=True)
class AllParameters:
    """Train all that can be trained: marginals, couplings, and rotations that are made for it."""

    def __call__(self, tree: Any) -> Any:
        return tree


@dataclass(frozen=True)
class MarginalParameters:
    """Train the maps of single coordinates alone: what is called ``marginal`` or ``first``."""

    def __call__(self, tree: Any) -> Any:
        return [leaf for path, leaf in jax.tree.leaves_with_path(tree) if any(map(_marginal, path))]


def bounded(value: Array, bound: float) -> Array:
    """The identity near zero, bent to stay within ±bound."""
    return bound * jnp.tanh(value / bound)


def _limited(node: Any) -> bool:
    return hasattr(node, "unconstrained")


def _free(node: Any) -> bool:
    return isinstance(node, Unconstrained)


def _movable(node: Any) -> Any:
    if isinstance(node, NonTrainable):
        return jax.tree.map(lambda _: False, node)
    return eqx.is_inexact_array(node)


def _marginal(key: Any) -> bool:
    return getattr(key, "name", None) in ("marginal", "first")
