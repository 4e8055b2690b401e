"""The density of a table's rows by Gaussianization, as an estimator of scikit-learn."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from gscale.bijections.base import Spec
from gscale.bijections.learned_rotations import PCA
from gscale.errors import InputError
from gscale.estimators import flow_fitting as flows
from gscale.estimators.encoder import Categorical, Encoder, Missing, OneHot, Raise, fit_encoder
from gscale.estimators.gaussianity import Gaussianity, gaussianity
from gscale.estimators.table_checks import RawColumn, raw_columns
from gscale.flows.flow import Flow
from gscale.flows.stopping import Stopping
from gscale.validation import check_at_least


class GaussianizationDensity(TransformerMixin, DensityMixin, BaseEstimator):
    """Density of the rows of a table: its columns are encoded as real numbers and Gaussianized.

    Columns of numbers are taken on a scale that is logarithmic far out; integers and tied values have cells
    as wide as their steps, categories a coordinate for each value. Then rotations and maps of single
    coordinates, layer by layer, make the rows normal.

    Parameters
    ----------
    rotation : Spec, optional
        Of the layers; ``PCA()`` where absent.
    marginal : Spec, optional
        Of the layers and in front of them; where absent ``Quantiles(None)``, in the layers with
        ``bandwidth=1`` for up to 20,000 rows.
    n_layers : int
        Layers at most.
    stopping : Stopping, optional
        Rule that ends the fit earlier; where absent ``EarlyStopping(10)`` if rows are held out, else none.
    held_out : float
        Share of the rows held out for the rule, in [0, 1).
    categorical : Categorical, optional
        ``OneHot()``, which is the default, or ``Frequency()``.
    categorical_columns : sequence of str or int
        Columns of numbers that are categories. Columns of text always are.
    missing : Missing, optional
        ``Raise()``, which is the default, or ``Impute()``.
    random_state : int, RandomState or None
        Seed of rotations, of positions in cells and of the choice of rows held out.

    Attributes
    ----------
    encoder_ : Encoder
    flow_ : Flow
    losses_ : dict of str to ndarray, shape (L + 1,)
        Negative log-likelihood of encoded rows with 0 … L layers, in nats: ``train`` and ``held_out``.
    n_layers_ : int
        Number of layers L.

    Raises
    ------
    InputError
        On missing or infinite values, text among numbers, columns of another kind than in the fit. It is a
        ValueError, as scikit-learn's checks raise.

    Notes
    -----
    For columns that are all continuous, `score_samples` is the log of a density that integrates to one over
    the columns in the user's units. For a dequantised or categorical column the factor is a mass, that of the
    value's cell by the density at its middle; values between the steps of such a column belong to no
    cell of their own. Fewer than 4,096 rows are fitted as a smoothed bootstrap of that many, with noise of
    2/√N standard deviations in continuous columns; other columns have random positions in their cells. More
    rows get noise of a thousandth of a deviation, so that there is a density even where columns are
    duplicates or functions of others.

    References
    ----------
    Chen and Gopinath, "Gaussianization", NeurIPS 2000. Uria, Murray and Larochelle, "RNADE", NeurIPS
    2013, for dequantisation. Silverman and Young, "The bootstrap: to smooth or not to smooth?", Biometrika 74
    (1987).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 2)) @ np.array([[1.0, 0.9], [0.0, 0.3]])
    >>> density = GaussianizationDensity(random_state=0).fit(x)
    >>> on, off = density.score_samples([[1.0, 0.9], [1.0, -0.9]])
    >>> bool(on > off + 3), density.sample(5).shape
    (True, (5, 2))
    """

    encoder_: Encoder
    flow_: Flow

    def __init__(
        self,
        *,
        rotation: Spec | None = None,
        marginal: Spec | None = None,
        n_layers: int = 100,
        stopping: Stopping | None = None,
        held_out: float = 0.2,
        categorical: Categorical | None = None,
        categorical_columns: Sequence[str | int] = (),
        missing: Missing | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rotation = rotation
        self.marginal = marginal
        self.n_layers = n_layers
        self.stopping = stopping
        self.held_out = held_out
        self.categorical = categorical
        self.categorical_columns = categorical_columns
        self.missing = missing
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Fit the encoder and the flow to the rows of X (N, C); y is not used."""
        training, rng = self.training(), generator(self.random_state)
        values = self.fit_encoder(raw_columns(self, X, reset=True))
        draw = self.draws(values, rng)
        self.use_flow(flows.fit_flow(rng, len(values[0]), draw, self.encoder_.continuous, training))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density (N,) of the rows of X (N, C) in the units of its columns, in nats."""
        values = self._values(X)
        log_slopes = []

        def encoded(rows: slice) -> np.ndarray:
            y, log_slope = self.encoder_.encode([column[rows] for column in values])
            log_slopes.append(log_slope)
            return y

        log_densities = flows.log_densities_of(self.flow_, len(values[0]), encoded)
        return log_densities + np.concatenate(log_slopes)

    def score(self, X: Any, y: object = None) -> float:
        """Mean log-density of the rows of X (N, C), in nats; y is not used."""
        return float(self.score_samples(X).mean())

    def transform(self, X: Any) -> np.ndarray:
        """Images (N, D) of the rows of X (N, C): standard normal where the rows are like those fitted to.

        Positions in cells are pseudo-random functions of the row's values: images of integers and categories
        are normal, too, and a row always has the same image.
        """
        return flows.latents(self.flow_, self._encoded(X))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Rows (N, C) of images X (N, D); of objects where a column is one of text."""
        check_is_fitted(self)
        z = np.asarray(X, float)
        if z.ndim != 2 or z.shape[1] != self.encoder_.dim or not np.isfinite(z).all():
            raise InputError(f"images of shape {z.shape}: finite ones (N, {self.encoder_.dim}) are needed")
        columns = self.encoder_.decode(flows.preimages(self.flow_, z))
        return np.stack(columns, 1) if any(self.encoder_.texts) else np.stack(columns, 1).astype(float)

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw rows (N, C); values of dequantised columns are on their steps, categories are decoded."""
        check_at_least(1, {"n_samples": n_samples})
        check_is_fitted(self)
        rng = generator(self.random_state if random_state is None else random_state)
        return self.inverse_transform(rng.standard_normal((n_samples, self.encoder_.dim)))

    def gaussianity(self, X: Any) -> Gaussianity:
        """How far from standard normal the rows of X (N, C) are, before and after each layer."""
        return gaussianity(self.flow_, self._encoded(X))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the coordinates of images, z0, z1 and so on."""
        check_is_fitted(self)
        return np.array([f"z{i}" for i in range(self.encoder_.dim)], object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = bool(self.missing is not None and self.missing.accepts)
        tags.transformer_tags.preserves_dtype = []
        return tags

    def training(self) -> flows.FlowTraining:
        """How flows are fitted: the parameters, or their defaults."""
        return flows.FlowTraining(
            self.rotation or PCA(), self.marginal, self.n_layers, self.stopping, self.held_out
        )

    def fit_encoder(self, raw: list[RawColumn], index: np.ndarray | None = None) -> list[np.ndarray]:
        """Fit the encoder to the rows at some indices, all where absent; return the values of all rows."""
        categorical = OneHot() if self.categorical is None else self.categorical
        missing = Raise() if self.missing is None else self.missing
        fitted = raw if index is None else [column.at(index) for column in raw]
        self.encoder_ = fit_encoder(fitted, categorical, missing, self.categorical_columns)
        return self.encoder_.values(raw)

    def draws(self, values: list[np.ndarray], rng: np.random.Generator) -> flows.Draw:
        """Coordinates of rows by their indices, with positions in cells drawn at each call."""

        def draw(index: np.ndarray) -> np.ndarray:
            u = rng.random((len(index), self.encoder_.dim), np.float32)
            return self.encoder_.encode([column[index] for column in values], u)[0]

        return draw

    def use_flow(self, fitted: flows.FittedFlow) -> None:
        """Set the fitted attributes to those of a flow."""
        self.flow_ = fitted.flow
        self.n_layers_ = len(fitted.train) - 1
        held_out = {} if fitted.held_out is None else {"held_out": fitted.held_out}
        self.losses_ = {"train": fitted.train, **held_out}

    def _values(self, x: Any) -> list[np.ndarray]:
        check_is_fitted(self)
        return self.encoder_.values(raw_columns(self, x, reset=False))

    def _encoded(self, x: Any) -> np.ndarray:
        values = self._values(x)
        return self.encoder_.encode(values, self.encoder_.cell_positions(values))[0]


def generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """NumPy's generator from scikit-learn's ``random_state``."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
