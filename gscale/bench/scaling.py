"""From loss curves to slopes: how many layers, and how that number grows with D."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from gscale.errors import InputError
from gscale.theory.rates import coupling_rate, flat_rate, haar_rate, layers_per_efold

SETTING = ["sweep", "dataset", "n_samples", "rotation", "marginal", "coupling", "training", "dtype", "metric"]

LAWS = ("constant", "log", "linear", "power")

_RESAMPLES = 2000
# Where a sampled curve is read for its tail: below 1/e of the first excess the start is forgotten, below
# 1/e³ the sampling floor bends the curve.
_TAIL_WINDOW = (math.exp(-1), math.exp(-3))


@dataclass(frozen=True)
class Curve:
    """One loss curve: test loss over its floor with 0, 1, …, L layers, in nats, and train loss likewise.

    Curves without a training loss come from covariances alone and are exact: no sampling floor.
    """

    setting: dict[str, object]
    dim: int
    seed: int
    excess: np.ndarray
    excess_train: np.ndarray | None

    @property
    def exact(self) -> bool:
        return self.excess_train is None

    @property
    def whole(self) -> bool:
        """Whether each depth was trained on its own, so that depths in between do not exist."""
        return str(self.setting["training"]).startswith(("EndToEndScales(", "WhiteningCouplings("))

    def layers_to(self, target: float) -> float:
        """Layers at which the excess first reaches a target; NaN if it never does."""
        layers = layers_needed(self.excess, target)
        # A crossing found by interpolation may lie a rounding above the depth itself.
        return math.ceil(layers - 1e-9) if self.whole and not math.isnan(layers) else layers


@dataclass(frozen=True)
class Factor:
    """The excess falls by a factor."""

    factor: float

    def __call__(self, curve: Curve) -> float:
        return curve.layers_to(curve.excess[0] / self.factor)


@dataclass(frozen=True)
class Gain:
    """The loss falls by a number of nats, for the whole vector."""

    nats: float

    def __call__(self, curve: Curve) -> float:
        return curve.layers_to(curve.excess[0] - self.nats)


@dataclass(frozen=True)
class Tail:
    """Layers for each e-fold once the decay is geometric."""

    def __call__(self, curve: Curve) -> float:
        return tail_rate(curve.excess, curve.exact)


Target = Factor | Gain | Tail


def target_named(name: str) -> Target:
    """The target that the command line calls ``tail``, ``e``, a factor such as ``10``, or ``2.5nats``.

    Raises
    ------
    InputError
        If it is none of these, a factor is not above 1 or a gain not above 0.

    Examples
    --------
    >>> target_named("e"), target_named("2.5nats")
    (Factor(factor=2.718281828459045), Gain(nats=2.5))
    """
    if name == "tail":
        return Tail()
    try:
        if name.endswith("nats") and float(name[:-4]) > 0:
            return Gain(float(name[:-4]))
        factor = math.e if name == "e" else float(name)
        if factor > 1:
            return Factor(factor)
    except ValueError:
        pass
    raise InputError(
        f"target is {name!r}: it is tail, e, a factor above 1 such as 10, or a gain such as 2.5nats"
    )


def layers_needed(excess: np.ndarray, target: float) -> float:
    """Layers at which a curve first reaches a target, between depths by interpolation in log-loss.

    Parameters
    ----------
    excess : array, shape (L + 1,)
        Loss over its floor with 0, 1, …, L layers, in nats.
    target : float
        The excess to reach.

    Returns
    -------
    float
        NaN if the curve never gets there.

    Examples
    --------
    >>> layers_needed(np.array([4.0, 2.0, 1.0]), math.sqrt(2))
    1.5
    """
    reached = np.flatnonzero(excess <= target)
    if not reached.size:
        return math.nan
    after = int(reached[0])
    if after == 0:
        return 0.0
    high, low = excess[after - 1], excess[after]
    if low > 0 and target > 0:
        high, low, target = math.log(high), math.log(low), math.log(target)
    return after - 1 + float((high - target) / (high - low))


def tail_rate(excess: np.ndarray, exact: bool) -> float:
    """Layers for each e-fold in the tail: 1/log of the inverse mean factor of one layer.

    The factor's mean, and not that of its logarithm, is what theory speaks of: D/(D+2) for Haar
    rotations near the identity, (D+1)/2 layers. A single path falls faster than the mean (Jensen): by
    4 % at D = 8.

    Parameters
    ----------
    excess : array, shape (L + 1,)
        Loss over its floor with 0, 1, …, L layers, in nats.
    exact : bool
        Whether the curve is free of sampling noise. If so the second half of it is used, else what lies
        between 1/e and 1/e³ of the first excess.

    Returns
    -------
    float
        NaN if the curve does not get that far, or the loss does not fall there.

    Examples
    --------
    >>> round(tail_rate(0.8 ** np.arange(20.0), exact=True), 4), round(1 / math.log(1.25), 4)
    (4.4814, 4.4814)
    """
    if exact:
        positive = int(np.argmax(np.append(excess, 0) <= 0))
        tail = excess[positive // 2 : positive]
    else:
        bounds = [np.flatnonzero(excess <= excess[0] * fraction) for fraction in _TAIL_WINDOW]
        if not all(bound.size for bound in bounds):
            return math.nan
        tail = excess[bounds[0][0] : bounds[1][0] + 1]
    if len(tail) < 2 or (tail[:-1] <= 0).any():
        return math.nan
    factor = float((tail[1:] / tail[:-1]).mean())
    return -1 / math.log(factor) if 0 < factor < 1 else math.nan


def curves(table: pd.DataFrame) -> Iterator[Curve]:
    """The curves of a table, one a setting, dimension and seed; the deepest where there are several.

    The floor is 0 where the loss is a KL. Elsewhere it is the lowest test loss that any curve of the same
    sweep, data, D, N and seed reaches, so that models are held to one standard.
    """
    known = [*SETTING, "dim", "seed"]
    depths = table.groupby([*known, "cell_id"], dropna=False, sort=True)["n_layers"].max().reset_index()
    chosen = depths.sort_values("n_layers", kind="stable").drop_duplicates(known, keep="last").sort_index()
    ordered = table.sort_values("n_layers", kind="stable")
    losses = dict(iter(ordered.groupby(["cell_id", "seed"])[["loss_test", "loss_train"]]))
    chosen["lowest"] = [losses[row.cell_id, row.seed]["loss_test"].min() for row in chosen.itertuples()]
    rivals = ["sweep", "dataset", "n_samples", "metric", "dim", "seed"]
    chosen["floor"] = chosen.groupby(rivals, dropna=False)["lowest"].transform("min")
    chosen.loc[chosen["metric"] == "kl", "floor"] = 0.0
    for row in chosen.to_dict("records"):
        test, train = losses[row["cell_id"], row["seed"]].to_numpy(float).T - row["floor"]
        setting = {name: row[name] for name in SETTING}
        yield Curve(setting, row["dim"], row["seed"], test, None if np.isnan(train).all() else train)


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


_UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class ScalingFit:
    """layers = intercept + slope·D and layers ∝ D^exponent, with intervals over seeds.

    ``aicc`` compares the laws "constant", "log", "linear" and "power", lower is better; ``law`` is the best,
    None where there are too few dimensions to tell.
    """

    slope: Estimate
    intercept: Estimate
    exponent: Estimate
    law: str | None
    aicc: dict[str, float]


@dataclass(frozen=True)
class Slope:
    """What a table says of one setting and target.

    ``layers`` has the layer counts of the seeds at each D, NaN where the target was not reached, and
    ``missed`` the number of seeds that did not, at each D where there are any. ``theory`` is the slope
    that should come out, None where there is none.
    """

    setting: dict[str, object]
    target: str
    layers: dict[int, np.ndarray]
    fit: ScalingFit
    theory: float | None
    missed: dict[int, int] = field(default_factory=dict)


def slopes(table: pd.DataFrame, targets: Sequence[str] = ()) -> list[Slope]:
    """Fit every setting of a table; without targets, those that suit its loss.

    Exact curves have a tail; where the floor of the loss is unknown, factors e and 10 are told apart.

    Raises
    ------
    InputError
        If a target is unknown.
    """
    by_setting: dict[str, list[Curve]] = {}
    for curve in curves(table):
        by_setting.setdefault(str(curve.setting), []).append(curve)
    return [
        _slope(group, name) for group in by_setting.values() for name in targets or _usual_targets(group[0])
    ]


def missed_text(slope: Slope) -> str:
    """How many seeds did not reach the target, at each D where there are any."""
    return ", ".join(f"D={dim}: {n} of {len(slope.layers[dim])} seeds" for dim, n in slope.missed.items())


def _usual_targets(curve: Curve) -> list[str]:
    if curve.whole:
        return ["1e6"]
    if curve.setting["training"] in ("Expected()", "LowerBound()"):
        return ["e", "100"]
    if curve.exact:
        return ["tail", "e"]
    return ["e"] if curve.setting["metric"] == "kl" else ["e", "10"]


def _slope(group: list[Curve], name: str) -> Slope:
    target, setting = target_named(name), group[0].setting
    layers = {
        dim: np.array([target(curve) for curve in group if curve.dim == dim])
        for dim in sorted({curve.dim for curve in group})
    }
    missed = {dim: int(np.isnan(n).sum()) for dim, n in layers.items() if np.isnan(n).any()}
    return Slope(setting, name, layers, fit_scaling(layers), known_slope(setting, name, list(layers)), missed)


def known_slope(setting: dict[str, object], target: str, dims: Sequence[int]) -> float | None:
    """The slope that theory gives for a setting: of the line through its layer counts at the same D.

    In the tail on a Gaussian they are `layers_per_efold` of the rate; end to end, Theorem 1's
    (D+1)/2 for scales, and 2 for whitening couplings.
    """
    training, rate = str(setting["training"]), rate_of(setting)
    if training.startswith("WhiteningCouplings(") and target == "1e6":
        return 0.0
    if training.startswith("EndToEndScales(") and target == "1e6":
        return 0.5
    if target != "tail" or rate is None or len(dims) < 2:
        return None
    layers = np.array([layers_per_efold(rate(dim)) for dim in dims])
    return float(_line(np.array(dims, float), layers)[1])


def rate_of(setting: dict[str, object]) -> Callable[[int], float] | None:
    """Theory's factor of the loss by one layer near the identity, as a function of D, where it is known."""
    if setting["training"] not in ("Population()", "Expected()"):
        return None
    layer = setting["rotation"], None if pd.isna(setting["coupling"]) else setting["coupling"]
    known: dict[tuple[object, object], Callable[[int], float]] = {
        ("Haar()", None): haar_rate,
        ("Hadamard()", None): flat_rate,
        ("Haar()", "LinearCoupling(n_active=None)"): lambda dim: coupling_rate(dim // 2, dim - dim // 2),
    }
    return known.get(layer)


def break_even(losses: np.ndarray, dim: int, n_samples: int) -> int:
    """The first layer whose gain without sampling noise, in nats, is below its cost with N samples.

    A layer of `Moments` on a Gaussian costs D/(2N) nats of test loss: one scale a coordinate (its means
    are found in the first layer). See docs/theory.md.

    Examples
    --------
    >>> break_even(0.5 ** np.arange(10.0), dim=2, n_samples=20)  # gains ½, ¼, …; cost 0.05
    4
    """
    return int(np.argmax(np.append(losses[:-1] - losses[1:], 0) < dim / (2 * n_samples)))


def expected_losses(population: np.ndarray, dim: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected train and test loss of Haar rotations and `Moments` fitted to N rows of a Gaussian.

    Near the identity, with ρ = D/(D+2) and w = D(D+1)/(4N), the whitening error that N rows leave:

        test  = population + w (1 − ρ^L) + D/(2N),      →  D(D+3)/(4N)
        train = population + w ρ^L − D(D+3)/(4N).       → −D(D+3)/(4N)

    Parameters
    ----------
    population : array, shape (L + 1,)
        Loss without sampling noise, in nats.
    dim, n_samples : int
        D and N.

    Returns
    -------
    train, test : array, each shape (L + 1,)
        In nats; index 0, before any layer is fitted, is the population's.

    References
    ----------
    Derived in docs/theory.md.

    Examples
    --------
    >>> train, test = expected_losses(np.zeros(1000), dim=4, n_samples=1000)
    >>> print(round(train[-1], 6), round(test[-1], 6))
    -0.007 0.007
    """
    fading = (dim / (dim + 2)) ** np.arange(len(population))
    whitening, means = dim * (dim + 1) / (4 * n_samples), dim / (2 * n_samples)
    train = population + whitening * (fading - 1) - means
    test = population + whitening * (1 - fading) + means
    train[0] = test[0] = population[0]
    return train, test


def fit_scaling(layers: dict[int, np.ndarray]) -> ScalingFit:
    """Fit layer counts of several seeds at several D.

    The line is least squares on the means over seeds with weights 1/max(mean, 1)², since counts scatter
    in proportion to their size; the exponent is fitted where they are above zero. Intervals are from a
    bootstrap over seeds within each D, with residuals widened by √(S/(S−1)) because S seeds underestimate
    their own spread. Seeds without a count (NaN) are left out; a D without any is.

    Parameters
    ----------
    layers : dict of int to array
        Layer counts of the seeds at each D.

    Examples
    --------
    >>> counts = {d: 2 + 0.5 * d + np.array([-0.1, 0.0, 0.1]) for d in (2, 4, 8, 16, 32, 64)}
    >>> fit = fit_scaling(counts)
    >>> round(fit.slope.value, 6), fit.slope.low < 0.5 < fit.slope.high, fit.law
    (0.5, True, 'linear')
    """
    counts = {dim: n[~np.isnan(n)] for dim, n in layers.items() if not np.isnan(n).all()}
    dims = np.array(sorted(counts), float)
    if len(dims) < 2:
        return ScalingFit(_UNKNOWN, _UNKNOWN, _UNKNOWN, None, {})
    means = np.array([counts[int(dim)].mean() for dim in dims])
    resampled = _resampled_means([counts[int(dim)] for dim in dims])
    laws = compare_laws(dims, means)
    line, lines = _line(dims, means), _line(dims, resampled)
    positive = means > 0
    return ScalingFit(
        _interval(line[1], lines[1]),
        _interval(line[0], lines[0]),
        _interval(*(_exponent(dims[positive], m[..., positive]) for m in (means, resampled))),
        min(laws, key=laws.__getitem__) if laws else None,
        laws,
    )


def compare_laws(dims: np.ndarray, means: np.ndarray) -> dict[str, float]:
    """AICc of constant, logarithmic, linear and power laws, on relative residuals; lower is better.

    Empty where there are fewer than 6 dimensions (with 5, AICc takes the constant whatever they say) or a
    count is 0.
    """
    n = len(dims)
    if n < 6 or (means <= 0).any():
        return {}
    smallest = n * np.finfo(float).eps ** 2  # an exact law has rounding for residuals
    squares = {law: max(_fit_law(law, dims, means)[1], smallest) for law in LAWS}
    parameters = {law: (2 if law == "constant" else 3) for law in LAWS}  # the scatter is one
    return {
        law: n * math.log(squares[law] / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
        for law, k in parameters.items()
    }


def predict(law: str, dims: np.ndarray, means: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Layer counts at other dimensions by a law fitted to the means at ``dims``."""
    (power, *coefficients), _ = _fit_law(law, dims, means)
    return _features(law, at, power) @ coefficients


def _features(law: str, dims: np.ndarray, power: float) -> np.ndarray:
    one = np.ones_like(dims)
    columns = {"constant": [one], "log": [one, np.log(dims)], "linear": [one, dims], "power": [dims**power]}
    return np.stack(columns[law], 1)


def _fit_law(law: str, dims: np.ndarray, means: np.ndarray) -> tuple[tuple[float, ...], float]:
    """Power and coefficients of a law, and the sum of its squared relative residuals."""
    scale = np.maximum(means, 1)

    def solve(power: float) -> tuple[tuple[float, ...], float]:
        design, relative = _features(law, dims, power) / scale[:, None], means / scale
        coefficients, *_ = np.linalg.lstsq(design, relative, rcond=None)
        return (power, *coefficients), float(((design @ coefficients - relative) ** 2).sum())

    if law != "power":
        return solve(1.0)
    return solve(minimize_scalar(lambda power: solve(power)[1], bounds=(-1, 3), method="bounded").x)


def _resampled_means(counts: list[np.ndarray]) -> np.ndarray:
    """Means over bootstrap samples of the seeds of each D, (R, number of D)."""
    rng = np.random.default_rng(0)  # the same table gives the same interval
    columns = []
    for n in counts:
        widen = math.sqrt(len(n) / max(len(n) - 1, 1))
        residuals = (n - n.mean()) * widen
        columns.append(n.mean() + rng.choice(residuals, (_RESAMPLES, len(n))).mean(1))
    return np.stack(columns, 1)


def _line(dims: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of a + b·D for means (…, number of D), weighted by 1/max(mean, 1)²."""
    weights = 1 / np.maximum(means, 1) ** 2
    total = weights.sum(-1)
    mean_dim = (weights * dims).sum(-1) / total
    centred = dims - mean_dim[..., None]
    slope = (weights * centred * means).sum(-1) / (weights * centred**2).sum(-1)
    return (weights * means).sum(-1) / total - slope * mean_dim, slope


def _exponent(dims: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Slope of log layers against log D; NaN where a count is not positive."""
    if len(dims) < 2:
        return np.full(means.shape[:-1], np.nan)
    centred = np.log(dims) - np.log(dims).mean()
    logs = np.log(np.where(means > 0, means, np.nan))
    return (centred * logs).sum(-1) / (centred**2).sum()


def _interval(value: np.ndarray, resampled: np.ndarray) -> Estimate:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
