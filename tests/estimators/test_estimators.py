"""Estimators by Gaussianization: densities integrate to one, rows come back, alarms come at their rate."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import ndtr
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from gscale import GaussianizationDensity, GaussianizationDetector, InputError, Moments
from gscale.estimators import Frequency, Impute, LogDensity, OneHot, Radius, flow_fitting as flows
from gscale.estimators.columns import category, indicators, number
from gscale.estimators.encoder import Raise, fit_encoder
from gscale.estimators.gaussianity import correlation_kl, marginal_kl
from gscale.estimators.table_checks import RawColumn

SMALL = GaussianizationDensity(n_layers=2, random_state=0)


def correlated(n, seed=0, dim=2):
    rng = np.random.default_rng(seed)
    return rng.laplace(size=(n, dim)) @ rng.normal(size=(dim, dim))


def sessions(n, seed=0):
    rng = np.random.default_rng(seed)
    count = rng.poisson(3, n)
    return pd.DataFrame(
        {
            "bytes": np.exp(rng.normal(5, 2, n)),
            "count": count,
            "rate": np.where(rng.random(n) < 0.6, 0.0, np.round(rng.random(n), 2)),
            "flag": np.where(count > 3, "SF", rng.choice(["S0", "REJ", "SF"], n)),
            "same": 1,
        }
    )


@pytest.fixture(scope="module")
def detector():
    return GaussianizationDetector(SMALL, n_flows=2, false_alarm_rate=0.05, random_state=0).fit(sessions(600))


@pytest.mark.long
@pytest.mark.parametrize(
    "estimator", [SMALL, GaussianizationDetector(SMALL, n_flows=1)], ids=["density", "detector"]
)
def test_scikit_learn_finds_no_fault(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows for the rate, old-style tags of others
        check_estimator(estimator, on_skip=None)


def test_the_density_integrates_to_one():
    x = correlated(2000)
    density = clone(SMALL).fit(x)
    # the columns' own scale: a grid that is even in arsinh resolves the middle and reaches the tails
    axis = np.linspace(-9, 9, 401)
    grid = np.sinh(axis)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    weights = (np.cosh(axis)[:, None] * np.cosh(axis)[None]).ravel() * (axis[1] - axis[0]) ** 2
    total = (np.exp(density.score_samples(points)) * weights).sum()
    assert abs(total - 1) < 1e-3  # the limit asked for; the trapezium rule errs by some 1e-4


@pytest.mark.long
def test_units_of_the_columns_are_those_of_the_density():
    x, scale = correlated(500), np.array([10.0, 0.1])
    one, other = (clone(SMALL).fit(rows) for rows in (x, x * scale))
    difference = one.score_samples(x) - other.score_samples(x * scale)
    np.testing.assert_allclose(difference, np.log(scale).sum(), atol=1e-3)  # float32


@pytest.mark.parametrize(
    "categorical", [pytest.param(Frequency(), marks=pytest.mark.long), OneHot()], ids=["frequency", "one-hot"]
)
def test_rows_come_back(categorical):
    x = sessions(600)
    density = clone(SMALL).set_params(categorical=categorical).fit(x)
    again = pd.DataFrame(density.inverse_transform(density.transform(x)), columns=x.columns)
    for name in ("count", "rate", "same"):
        np.testing.assert_allclose(again[name].astype(float), x[name], atol=1e-9)
    assert (again["flag"] == x["flag"]).all()
    # where float32 has 24 bits of a logarithm over some 12 e-folds
    np.testing.assert_allclose(again["bytes"].astype(float), x["bytes"], rtol=1e-4)


@pytest.mark.long
def test_images_of_mixed_columns_are_normal():
    x = sessions(3000)
    z = GaussianizationDensity(n_layers=5, random_state=0).fit(x).transform(x)
    for column in z.T:
        # fitted with noise and in few bins; cells with the same position for all of a value have 0.3 and more
        assert stats.kstest(column, "norm").statistic < 0.08


@pytest.mark.long
def test_a_sample_is_like_the_rows():
    x = sessions(3000)
    drawn = pd.DataFrame(
        clone(SMALL).set_params(n_layers=10).fit(x).sample(3000, random_state=1), columns=x.columns
    )
    assert set(drawn["flag"]) <= {"SF", "S0", "REJ"}
    # kernels spread some of the many zeros over their neighbours
    assert stats.wasserstein_distance(drawn["rate"].astype(float), x["rate"]) < 0.03
    for name in ("bytes", "count"):
        # fitted and drawn rows both scatter, by 0.035 at 5 %, and the splines have few bins
        assert stats.ks_2samp(drawn[name].astype(float), x[name]).statistic < 0.1
    assert (drawn["same"] == 1).mean() > 0.99


@pytest.mark.long
def test_cells_have_the_mass_of_their_values():
    """Of one column of counts the masses are their frequencies, and sum to one."""
    x = np.random.default_rng(0).poisson(3, (4000, 1)).astype(float)
    density = GaussianizationDensity(n_layers=1, random_state=0).fit(x)
    masses = np.exp(density.score_samples(np.arange(-5.0, 40)[:, None]))
    assert abs(masses.sum() - 1) < 0.05  # by the density at the middle of each cell
    np.testing.assert_allclose(masses[5:15], stats.poisson(3).pmf(range(10)), atol=0.03)


def test_a_number_s_slope_is_its_derivative():
    column = number("x", np.random.default_rng(0).normal(size=100))
    x, h = np.linspace(-9, 9, 31), 1e-6
    (up, _), (down, _) = (column.encode(x + d, np.full((31, 1), 0.5)) for d in (h, -h))
    _, slope = column.encode(x, np.full((31, 1), 0.5))
    np.testing.assert_allclose(slope, np.log((up - down)[:, 0] / (2 * h)), atol=1e-7)  # central differences


def test_a_category_s_cell_has_its_frequency():
    values = np.repeat(np.array(["a", "b", "c"], object), [6, 3, 1])
    column = category("s", values)
    ends = [
        column.encode(np.array(["a", "b", "c", "new"], object), np.full((4, 1), u))[0] for u in (0.0, 1.0)
    ]
    mass = (ndtr(ends[1]) - ndtr(ends[0]))[:, 0]
    np.testing.assert_allclose(mass, np.array([7, 4, 2, 1]) / 14, atol=1e-7)  # a cell's edges are left out
    _, slope = column.encode(values[:1], np.full((1, 1), 0.3))
    h = 1e-6
    (up, _), (down, _) = (column.encode(values[:1], np.full((1, 1), 0.3 + d)) for d in (h, -h))
    np.testing.assert_allclose(slope, np.log((up - down)[0] / (2 * h)), atol=1e-6)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1, 2, 5, 9], 1.0),
        ([0.0, 0.0, 0.25, 0.75], 0.25),
        ([0.1, 0.2, 0.35, 0.7], 0.0),
        ([0.5] * 4, 5e-4),
        ([2, 2, 4, 7, 9], 1.0),  # no two are a step apart
        ([0, 0, 1, np.e], 1.0),  # on no grid: the least gap
    ],
)
def test_what_is_dequantised(values, step):
    assert number("x", np.array(values, float)).step == pytest.approx(step)


@pytest.mark.parametrize("values", [[0.0, 0.03, 0.05, 0.05], [0, 0, 1, np.e], [-0.3, 0.004, 0.004, 7e3]])
def test_tied_values_come_back(values):
    """On a grid or on none, wherever in their cells they were put."""
    values = np.array(values, float)
    column = number("x", values)
    for u in (1e-3, 0.3, 1 - 1e-3):
        y, _ = column.encode(values, np.full((4, 1), u))
        np.testing.assert_allclose(column.decode(y.astype(np.float32)), values, rtol=1e-9, atol=1e-12)


def test_rows_where_the_density_is_low_come_back():
    """A gap of a hundred deviations: images in float32 came back as rows 1e-3 off."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 3))
    x[:4] *= [[100.0], [50.0], [20.0], [200.0]]
    density = clone(SMALL).fit(x)
    np.testing.assert_allclose(density.inverse_transform(density.transform(x)), x, rtol=1e-5, atol=1e-6)


def test_many_categories_go_by_frequency():
    values = np.array([f"v{i}" for i in range(101)], object)
    assert OneHot().fit("s", values) == category("s", values)
    assert OneHot(most=101).fit("s", values) == indicators("s", values)
    with pytest.raises(InputError, match="most is 1"):
        OneHot(most=1)


def test_positions_in_cells_are_uniform_and_of_the_row():
    raw = [RawColumn("n", np.arange(4000.0), False), RawColumn("m", np.arange(4000.0) % 7, False)]
    encoder = fit_encoder(raw, OneHot(), Raise(), ())
    positions = encoder.cell_positions(encoder.values(raw))
    assert all(stats.kstest(column, "uniform").pvalue > 1e-3 for column in positions.T)
    assert abs(np.corrcoef(positions.T)[0, 1]) < 0.07  # four standard errors
    some = [column.at(np.array([7, 7, 3])) for column in raw]
    np.testing.assert_array_equal(encoder.cell_positions(encoder.values(some)), positions[[7, 7, 3]])


def test_parts_of_the_divergence():
    """Closed forms: normals of a scale, and of a correlation."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20_000, 2))
    assert marginal_kl(2 * z) == pytest.approx(2 * (1.5 - np.log(2)), abs=0.08)  # a standard error is 0.04
    mixed = z @ np.linalg.cholesky(np.array([[1, 0.8], [0.8, 1]])).T
    assert correlation_kl(mixed) == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.03)
    assert correlation_kl(np.repeat(z[:, :1], 2, 1)) > 10
    assert correlation_kl(z[:, :1]) == 0


@pytest.mark.long
def test_layers_make_rows_more_normal():
    x = correlated(3000, dim=3)
    kl = clone(SMALL).fit(x).gaussianity(x).kl
    assert len(kl) == 4
    assert kl[-1] < 0.3 * kl[0]
    with pytest.raises(InputError, match="at least 10"):
        clone(SMALL).fit(x).gaussianity(x[:9])


def test_p_values_are_those_of_the_definition(detector):
    x = sessions(50, seed=1)
    scores = -detector.score_samples(x)
    held_out = detector.calibration_scores_
    expected = [(1 + (held_out >= s).sum()) / (len(held_out) + 1) for s in scores]
    np.testing.assert_allclose(detector.p_values(x), expected)
    alarms = detector.predict(x) == -1
    np.testing.assert_array_equal(alarms, detector.p_values(x) <= 0.05)
    np.testing.assert_array_equal(alarms, scores > detector.threshold_)
    assert detector.offset_ == -detector.threshold_


def test_the_rate_of_false_alarms_is_the_one_asked_for():
    """Of exchangeable scores, alarms have the beta-binomial law: their mean is below the rate."""
    detector = clone(GaussianizationDetector(SMALL, n_flows=1))
    rng, rates = np.random.default_rng(0), []
    for _ in range(2000):
        scores = rng.normal(size=150)
        detector._calibrate(scores, np.arange(99))
        rates.append((scores[99:] > detector.threshold_).mean())
    error = np.std(rates) / 2000**0.5
    assert abs(np.mean(rates) - detector.false_alarm_rate_) < 4 * error
    assert detector.false_alarm_rate_ == 0.05


def test_too_few_rows_for_a_rate_are_a_warning(detector):
    before = detector.false_alarm_rate
    with pytest.warns(UserWarning, match="guarantee a false-alarm rate of 0.0066 at best: 0.001 needs 999"):
        detector.set_false_alarm_rate(0.001)
    assert detector.false_alarm_rate_ == pytest.approx(1 / 151)
    detector.set_false_alarm_rate(before)


def test_the_column_that_makes_an_alarm_is_named(detector):
    odd = sessions(1, seed=3).assign(bytes=1e12), sessions(1, seed=3).assign(same=7)
    for row, name in zip(odd, ("bytes", "same"), strict=True):
        assert detector.predict(row)[0] == -1
        contributions = detector.contributions(row)[0]
        assert list(row.columns)[contributions.argmax()] == name
        assert (contributions >= 0).all()


@pytest.mark.long
def test_dependence_is_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 1)) @ np.ones((1, 4)) + 0.1 * rng.normal(size=(2000, 4))
    detector = GaussianizationDetector(SMALL, random_state=0).fit(x)
    shuffled = np.stack([rng.permutation(column) for column in x.T], 1)
    assert (detector.predict(shuffled) == -1).mean() > 0.9


@pytest.mark.parametrize("score", [LogDensity(), Radius()])
def test_other_anomaly_scores(score):
    x = correlated(500)
    detector = GaussianizationDetector(SMALL, anomaly_score=score, n_flows=1, random_state=0).fit(x)
    density = detector.density_
    y, _ = density.encoder_.encode(density._values(x))
    expected = {
        LogDensity: lambda: -density.score_samples(x),
        Radius: lambda: (flows.latents(density.flow_, y).astype(float) ** 2).sum(1),
    }[type(score)]()
    np.testing.assert_allclose(detector.decision_scores_, expected, rtol=1e-6)


def test_scikit_learn_s_tools_work():
    x = correlated(200)
    pipe = make_pipeline(StandardScaler(), GaussianizationDensity(n_layers=1, random_state=0))
    search = GridSearchCV(pipe, {"gaussianizationdensity__marginal": [None, Moments()]}, cv=2).fit(x)
    assert np.isfinite(search.best_score_)
    assert search.best_estimator_.score(x) == pytest.approx(search.score(x))
    nested = GaussianizationDetector(SMALL).set_params(density__n_layers=3)
    assert clone(nested).density.n_layers == 3


BAD = {
    "NaN": (
        lambda x: x.assign(bytes=[np.nan] + [1.0] * (len(x) - 1)),
        r"'bytes' has 1 missing value\(s\) \(NaN\)",
    ),
    "infinity": (lambda x: x.assign(bytes=[np.inf] + [1.0] * (len(x) - 1)), "'bytes' has infinity"),
    "text in numbers": (
        lambda x: x.assign(count=["many"] + ["3"] * (len(x) - 1)),
        "holds (text|numbers as text)",
    ),
    "text among numbers": (
        lambda x: x.assign(count=np.array(["many"] + [3] * (len(x) - 1), object)),
        "holds text, 'many' in row 0",
    ),
    "missing text": (lambda x: x.assign(flag=[None] + ["SF"] * (len(x) - 1)), "'flag' has 1 missing"),
    "times": (lambda x: x.assign(count=pd.Timestamp("2026-01-01")), "make them numbers or text"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_refused(case, detector):
    spoil, message = BAD[case]
    with pytest.raises(InputError, match=message):
        clone(SMALL).fit(spoil(sessions(50)))
    with pytest.raises(InputError, match=message):
        detector.predict(spoil(sessions(50)))


def test_other_columns_than_fitted_are_refused(detector):
    x = sessions(20)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        detector.predict(x[x.columns[::-1]])
    with pytest.raises(ValueError, match="seen at fit time, yet now missing"):
        detector.predict(x.drop(columns="count"))
    with pytest.raises(InputError, match="it held text in the fit"):
        detector.predict(x.assign(flag=1.0))
    with pytest.raises(InputError, match="two columns called 'count'"):
        clone(SMALL).fit(pd.concat([x, x[["count"]]], axis=1))
    with pytest.raises(InputError, match="there is no column 'nothing'"):
        clone(SMALL).set_params(categorical_columns=("nothing",)).fit(x)


@pytest.mark.long
def test_missing_values_are_filled_on_request():
    x = sessions(300).assign(spare=1.5)
    x.loc[::7, "bytes"], x.loc[::5, "flag"] = np.nan, None
    density = clone(SMALL).set_params(missing=Impute()).fit(x)
    filled = x.assign(
        bytes=x["bytes"].fillna(x["bytes"].quantile(interpolation="lower")), flag=x["flag"].fillna("SF")
    )
    np.testing.assert_allclose(density.score_samples(x), density.score_samples(filled))
    with pytest.raises(InputError, match="only missing values"):
        clone(density).fit(x.assign(bytes=np.nan))


@pytest.mark.long
def test_hard_tables_give_finite_scores():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 1))
    tables = {
        "duplicates": np.repeat(x, 3, 1),
        "constant": np.concatenate([x, np.full((300, 1), 0.37)], 1),
        "more columns than rows": rng.normal(size=(20, 30)),
        "huge": x * 1e30,
        "one column": x,
    }
    for name, table in tables.items():
        density = clone(SMALL).fit(table)
        far = np.concatenate([table, 1e6 * table[:3] + 1])
        assert np.isfinite(density.score_samples(far)).all(), name
        assert density.score_samples(table[:1]).shape == (1,)
    with pytest.raises(ValueError, match="minimum of 2"):
        clone(SMALL).fit(x[:1])


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (GaussianizationDensity(n_layers=0), "n_layers is 0"),
        (GaussianizationDensity(held_out=1.0), "held_out is 1.0"),
        (GaussianizationDetector(n_flows=0), "n_flows is 0"),
        (GaussianizationDetector(calibration=0.0), "calibration is 0.0"),
        (GaussianizationDetector(false_alarm_rate=2), "false_alarm_rate is 2"),
    ],
)
def test_settings_out_of_range_are_refused(estimator, message):
    with pytest.raises(InputError, match=message):
        estimator.fit(correlated(20))


def test_any_number_of_rows_is_scored_by_one_program():
    x = correlated(100)
    density = clone(SMALL).fit(x)
    density.score_samples(x)
    before = flows._log_densities._cached._cache_size() if hasattr(flows._log_densities, "_cached") else None
    whole = density.score_samples(np.tile(x, (25, 1)))
    assert before is None or flows._log_densities._cached._cache_size() == before
    np.testing.assert_allclose(whole[:100], density.score_samples(x), atol=1e-5)
