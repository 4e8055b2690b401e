"""Anomalies by Gaussianization: scores, p-values, a threshold at a stated false-alarm rate, and reasons."""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from gscale.errors import InputError
from gscale.estimators import flow_fitting as flows
from gscale.estimators.columns import Column, Number
from gscale.estimators.density import GaussianizationDensity, generator
from gscale.estimators.table_checks import copy_names, raw_columns
from gscale.flows.flow import Flow
from gscale.validation import check_at_least

_BACKGROUND = 16  # values of each column with which `contributions` replaces that of a row


class AnomalyScore(Protocol):
    """A choice of an anomaly score, frozen and hashable."""

    def score(self, flow: Flow, y: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        """Scores (N,), higher for anomalies, of encoded rows (N, D) with their log-slopes (N,)."""
        ...


@dataclass(frozen=True)
class NormalScores:
    """−log density of the normal scores of a row's columns, in nats: of single columns and of their copula.

    The density is that of the columns after each has been made normal: it does not depend on a column's
    unit, nor on a logarithm or another increasing function of it, and values that many rows share do not
    raise it, as they raise the density of `LogDensity`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 2)) @ np.array([[1.0, 0.9], [0.0, 0.3]])
    >>> detector = GaussianizationDetector(GaussianizationDensity(n_layers=2), n_flows=1, random_state=0)
    >>> same = np.corrcoef(*(detector.fit(rows).decision_scores_ for rows in (x, np.sinh(2 * x))))[0, 1]
    >>> bool(same > 0.95)
    True
    """

    def score(self, flow: Flow, y: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        """Scores (N,) in nats."""
        return -flows.log_densities_of_scores(flow, y)


@dataclass(frozen=True)
class LogDensity:
    """−log p(x), in nats, of the columns in their units."""

    def score(self, flow: Flow, y: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        """Scores (N,) in nats."""
        return -(flows.log_densities(flow, y) + log_slope)


@dataclass(frozen=True)
class Radius:
    """|z|², the squared radius of the image: χ²_D for normal rows if the flow is right."""

    def score(self, flow: Flow, y: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
        """Scores (N,)."""
        return flows.radii(flow, y)


class GaussianizationDetector(OutlierMixin, BaseEstimator):
    """Rows unlike those fitted to, by the density of several Gaussianizations, with exact p-values.

    Some rows are held out for calibration. If m of them and a new row are exchangeable, the p-value
    (1 + number of the m with the same anomaly score or a higher one)/(m + 1) is at most α with probability at
    most α, whatever the flows are, and an alarm is a p-value of at most ``false_alarm_rate``: split conformal
    prediction. The rate is a mean over draws of the m rows: for given rows it has a standard deviation of
    √(α(1−α)/m) about it.

    Parameters
    ----------
    density : GaussianizationDensity, optional
        The estimator to fit, with its parameters; one with its defaults where absent.
    anomaly_score : AnomalyScore, optional
        ``NormalScores()``, which is the default, ``LogDensity()`` or ``Radius()``; the mean over flows.
    n_flows : int
        Number of flows, each with other rows held out for its stopping rule.
    calibration : float
        Share of the rows held out for p-values and threshold, in (0, 1).
    false_alarm_rate : float
        Share α of alarms among rows like those fitted to, in (0, 1).
    random_state : int, RandomState or None
        Seed of all random numbers.

    Attributes
    ----------
    decision_scores_ : ndarray, shape (N,)
        Anomaly scores of all rows given to `fit`, an attribute of PyOD's detectors.
    threshold_, offset_ : float
        Anomaly score above which a row is an alarm; its negative, an attribute of scikit-learn's detectors.
    labels_ : ndarray, shape (N,)
        1 for alarms among the rows given to `fit`, else 0.
    calibration_scores_ : ndarray, shape (m,)
        Anomaly scores of the rows held out for calibration, in increasing order.
    false_alarm_rate_ : float
        The rate that the threshold guarantees: ``false_alarm_rate`` or less, or 1/(m + 1) where m are too
        few.
    density_ : GaussianizationDensity
        The first flow with its encoder, for `transform`, `gaussianity` and the losses.

    Raises
    ------
    InputError
        If a parameter is out of its range, or the rows cannot be used, see `GaussianizationDensity`.

    Warns
    -----
    UserWarning
        If so few rows are held out that no threshold guarantees the rate.

    References
    ----------
    Laxhammar and Falkman, "Conformal prediction for distribution-independent anomaly detection in streaming
    vessel data", StreamKDD 2010. Bates et al., "Testing for outliers with conformal p-values", Annals of
    Statistics 51 (2023).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 2)) @ np.array([[1.0, 0.9], [0.0, 0.3]])
    >>> detector = GaussianizationDetector(n_flows=1, random_state=0).fit(x)
    >>> odd = np.array([[1.0, 0.9], [1.0, -0.9]])
    >>> detector.predict(odd).tolist(), (detector.p_values(odd) > 0.05).tolist()
    ([1, -1], [True, False])
    """

    density_: GaussianizationDensity
    flows_: list[Flow]
    calibration_scores_: np.ndarray
    background_: np.ndarray
    offset_: float

    def __init__(
        self,
        density: GaussianizationDensity | None = None,
        *,
        anomaly_score: AnomalyScore | None = None,
        n_flows: int = 4,
        calibration: float = 0.25,
        false_alarm_rate: float = 0.05,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.density = density
        self.anomaly_score = anomaly_score
        self.n_flows = n_flows
        self.calibration = calibration
        self.false_alarm_rate = false_alarm_rate
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Fit flows to most rows of X (N, C) and the threshold to the others; y is not used."""
        self._check()
        rng = generator(self.random_state)
        self.density_ = clone(self.density) if self.density is not None else GaussianizationDensity()
        raw = raw_columns(self, X, reset=True)
        copy_names(self, self.density_)
        n = len(raw[0].values)
        n_held_out, order = min(max(1, round(self.calibration * n)), n - 1), rng.permutation(n)
        held_out, fitted = order[:n_held_out], order[n_held_out:]
        values = self.density_.fit_encoder(raw, fitted)
        self._fit_flows(rng, [column[fitted] for column in values])
        self._calibrate(self._anomaly_scores(values), held_out)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Negative anomaly scores (N,) of the rows of X (N, C), as scikit-learn's detectors return them."""
        return -self._anomaly_scores(self._values(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples` less the offset (N,): negative for alarms."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """−1 for an alarm, else 1, (N,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """P-values (N,) of the rows of X (N, C): shares of normal rows with scores at least as high."""
        return self.p_values_of(-self.score_samples(X))

    def p_values_of(self, anomaly_scores: np.ndarray) -> np.ndarray:
        """P-values (N,) of rows with some anomaly scores (N,)."""
        check_is_fitted(self)
        m = len(self.calibration_scores_)
        return (1 + m - np.searchsorted(self.calibration_scores_, anomaly_scores)) / (m + 1)

    def contributions(self, X: Any) -> np.ndarray:
        """Contributions (N, C) of the columns to the anomaly scores of the rows of X (N, C), at least 0.

        By how much the score falls if the value of one column is replaced by the best of 16 quantiles of the
        rows fitted to, in nats but for `Radius`. A column that contradicts others contributes even if its
        value alone is common; of two that contradict each other both do.
        """
        values = self._values(X)
        scores = self._anomaly_scores(values)
        least = [self._least_score_without(values, i) for i in range(len(values))]
        return np.maximum(scores[:, None] - np.stack(least, 1), 0)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        missing = self.density.missing if self.density is not None else None
        tags.input_tags.allow_nan = bool(missing is not None and missing.accepts)
        return tags

    def _check(self) -> None:
        check_at_least(1, {"n_flows": self.n_flows})
        for name in ("calibration", "false_alarm_rate"):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise InputError(f"{name} is {share}: it is a share above 0 and below 1")

    def _fit_flows(self, rng: np.random.Generator, values: list[np.ndarray]) -> None:
        training, draw = self.density_.training(), self.density_.draws(values, rng)
        smooth, n = self.density_.encoder_.continuous, len(values[0])
        fitted = [flows.fit_flow(rng, n, draw, smooth, training) for _ in range(self.n_flows)]
        self.density_.use_flow(fitted[0])
        self.flows_ = [one.flow for one in fitted]
        self.background_ = np.stack(
            [_background(column, part) for column, part in zip(self._columns, values, strict=True)]
        )

    def _calibrate(self, scores: np.ndarray, held_out: np.ndarray) -> None:
        self.decision_scores_ = scores
        self.calibration_scores_ = np.sort(scores[held_out])
        self.set_false_alarm_rate(self.false_alarm_rate)
        self.labels_ = (scores > self.threshold_).astype(int)

    def set_false_alarm_rate(self, rate: float) -> Self:
        """Move the threshold to another rate, without another fit; ``labels_`` do not change.

        Warns
        -----
        UserWarning
            If so few rows are held out that no threshold guarantees the rate.
        """
        self.false_alarm_rate = rate
        self._check()
        m = len(self.calibration_scores_)
        n_below = math.ceil(round((1 - rate) * (m + 1), 9))
        if n_below > m:
            warnings.warn(
                f"{m} rows for calibration guarantee a false-alarm rate of {1 / (m + 1):.2g} at best: "
                f"{rate:g} needs {math.ceil(1 / rate) - 1}",
                stacklevel=2,
            )
        self.threshold_ = float(self.calibration_scores_[min(n_below, m) - 1])
        self.offset_ = -self.threshold_
        self.false_alarm_rate_ = (m + 1 - min(n_below, m)) / (m + 1)
        return self

    @property
    def _columns(self) -> tuple[Column, ...]:
        return self.density_.encoder_.columns

    def _values(self, x: Any) -> list[np.ndarray]:
        check_is_fitted(self)
        return self.density_.encoder_.values(raw_columns(self, x, reset=False))

    def _anomaly_scores(self, values: list[np.ndarray]) -> np.ndarray:
        y, log_slope = self.density_.encoder_.encode(values)
        kind = self.anomaly_score or NormalScores()
        return np.mean([kind.score(flow, y, log_slope) for flow in self.flows_], axis=0, dtype=float)

    def _least_score_without(self, values: list[np.ndarray], i: int) -> np.ndarray:
        """The least anomaly score (N,) with other values in column i."""
        n, others = len(values[0]), np.unique(self.background_[i])
        column = self._columns[i]
        if not isinstance(column, Number):
            others = np.array([column.values[int(code)] for code in others])
        tiled = [np.tile(column, len(others)) for column in values]
        tiled[i] = np.repeat(others, n)
        return self._anomaly_scores(tiled).reshape(len(others), n).min(0)


def _background(column: Column, values: np.ndarray) -> np.ndarray:
    """Typical values (16,) of a column: quantiles of numbers, indices of the most frequent categories."""
    if isinstance(column, Number):
        levels = (np.arange(_BACKGROUND) + 0.5) / _BACKGROUND
        return np.quantile(values, levels, method="nearest")
    return np.minimum(np.arange(_BACKGROUND), len(column.values) - 1).astype(float)
