"""Stopping rules of layer-wise fits, by the losses so far."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from gscale.bijections.base import Spec
from gscale.errors import InputError
from gscale.validation import check_at_least


class History(NamedTuple):
    """The losses of a fit with 0 … l layers, and the setting that they are of.

    Attributes
    ----------
    train : ndarray, shape (l + 1,)
        Negative log-likelihood of the rows fitted to, in nats.
    test : ndarray, shape (l + 1,), or None
        That of rows held out; None where there are none.
    marginal : Spec
        The marginal of the layers.
    dim, n_samples : int
        D, and the rows N fitted to.
    """

    train: np.ndarray
    test: np.ndarray | None
    marginal: Spec
    dim: int
    n_samples: int

    @property
    def n_layers(self) -> int:
        return len(self.train) - 1


class Stopping(Protocol):
    """A rule without arrays, frozen and hashable, that ends a layer-wise fit."""

    def ended(self, history: History) -> bool:
        """Whether to add no more layers."""
        ...

    def n_layers_to_keep(self, history: History) -> int:
        """How many of the layers to keep, once no more are added."""
        ...


@dataclass(frozen=True)
class InformationCriterion:
    """Add layers while they gain more on new rows than their parameters lose there.

    With k parameters a coordinate, the gains of a layer on the N rows it is fitted to and on new rows differ
    by k·D/N nats (docs/theory.md): the layer is worth its parameters while the gain on the fitted rows is
    above k·D/N. No row is held out for it. The gain is the mean over the last ``window`` layers; these are
    dropped when it is too low.

    Parameters
    ----------
    window : int
        Layers to take the mean over, at least 1: random rotations gain unevenly.

    Raises
    ------
    InputError
        If ``window`` is below 1; at fitting, if the marginal lacks ``n_parameters(n_samples)``.

    References
    ----------
    Akaike, "A new look at the statistical model identification", IEEE Transactions on Automatic Control 19
    (1974). Efron, "The estimation of prediction error", Journal of the American Statistical Association 99
    (2004), for fits that do not maximise the likelihood.

    Examples
    --------
    >>> from gscale.bijections.marginals import Moments
    >>> rule = InformationCriterion(window=2)
    >>> history = History(np.array([5.0, 4.0, 3.5, 3.494, 3.488]), None, Moments(), dim=10, n_samples=1000)
    >>> rule.ended(history), rule.n_layers_to_keep(history)
    (True, 2)
    """

    window: int = 5

    def __post_init__(self) -> None:
        check_at_least(1, {"window": self.window})

    def ended(self, history: History) -> bool:
        """Whether the last layers were not worth their parameters."""
        cost = _n_parameters(history) * history.dim / history.n_samples
        if history.n_layers < self.window:
            return False
        return bool(history.train[-1 - self.window] - history.train[-1] <= self.window * cost)

    def n_layers_to_keep(self, history: History) -> int:
        """All layers, or all before the window that ended the fit."""
        return history.n_layers - self.window if self.ended(history) else history.n_layers


@dataclass(frozen=True)
class EarlyStopping:
    """Add layers until the loss on held-out rows has had no new minimum for some layers; end at the minimum.

    The depth is chosen by these rows: an unbiased loss needs other ones.

    Parameters
    ----------
    patience : int
        Layers to wait for a new minimum, at least 1.

    Raises
    ------
    InputError
        If ``patience`` is below 1; at fitting, if no rows are held out.

    Examples
    --------
    >>> from gscale.bijections.marginals import Moments
    >>> rule, losses = EarlyStopping(patience=2), np.array([5.0, 4.0, 4.1, 4.2])
    >>> history = History(losses, losses, Moments(), dim=10, n_samples=1000)
    >>> rule.ended(history), rule.n_layers_to_keep(history)
    (True, 1)
    """

    patience: int = 10

    def __post_init__(self) -> None:
        check_at_least(1, {"patience": self.patience})

    def ended(self, history: History) -> bool:
        """Whether the minimum lies ``patience`` layers back."""
        return history.n_layers - self.n_layers_to_keep(history) >= self.patience

    def n_layers_to_keep(self, history: History) -> int:
        """The layers up to the minimum."""
        if history.test is None:
            raise InputError(f"{self!r} needs rows that are not fitted to: give x_test")
        return int(history.test.argmin())


def _n_parameters(history: History) -> int:
    count = getattr(history.marginal, "n_parameters", None)
    if count is None:
        raise InputError(
            f"{history.marginal!r} has no n_parameters(n_samples): InformationCriterion needs it"
        )
    return int(count(history.n_samples))
