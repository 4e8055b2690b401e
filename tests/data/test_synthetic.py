"""Toys: the density they report is the one they are drawn from, by quadrature, sampling and other code."""

from functools import cache

import jax
import numpy as np
import pytest
from scipy import stats

from gscale import Gaussian, GaussianMixture, InputError, LaplaceSources
from gscale.data import Banana, BananaTree, Checkerboard, Rings, Shell, StudentT

KEY = jax.random.key(0)
ANY = [Banana(), BananaTree(), StudentT(), Shell(0.3), GaussianMixture(3), LaplaceSources(), Gaussian()]
PLANE = [Checkerboard(), Rings()]


@cache
def drawn(source, dim, n=100_000):
    with jax.enable_x64(True):
        rows = source.sample(KEY, dim, n, 200, "float64")
    return np.asarray(rows.train), np.asarray(rows.log_prob_train)


@pytest.mark.parametrize("source", [*ANY, *PLANE], ids=repr)
def test_densities_agree_with_counts_in_boxes_of_the_plane(source):
    """Quadrature: the mass of a box is its share of rows, and the mean of 1/p over its rows, its area.

    E[1(x in box)/p(x)] is the area of the part of the box where p > 0, whatever p: a wrong density or a
    wrong normalisation shows in it.
    """
    x, log_prob = drawn(source, 2)
    likely = x[np.argsort(log_prob)[-len(x) // 10]]
    low, high = likely - 0.15 * x.std(0), likely + 0.15 * x.std(0)
    if isinstance(source, Checkerboard):
        low, high = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    inside = ((x > low) & (x < high)).all(1)
    weights = np.where(inside, np.exp(-log_prob), 0)
    area = np.prod(high - low) * (0.5 if isinstance(source, Checkerboard) else 1)
    assert abs(weights.mean() - area) < 5 * weights.std() / len(x) ** 0.5
    assert weights.std() / len(x) ** 0.5 < 0.06 * area  # the test has power


def _radius(x, y):
    return np.sqrt(x**2 + y**2)


def _mixture(x, y):
    mean_key, scale_key = jax.random.split(KEY, 4)[:2]
    with jax.enable_x64(True):
        means = 10 * np.asarray(jax.random.normal(mean_key, (3, 2), "float64"))
        scales = 1 + np.asarray(jax.random.uniform(scale_key, (3, 2), "float64"))
    parts = zip(means, scales, strict=True)
    return sum(stats.norm.pdf(x, m[0], s[0]) * stats.norm.pdf(y, m[1], s[1]) for m, s in parts) / 3


def _laplace(x, y):
    with jax.enable_x64(True):
        unmixing = np.linalg.inv(np.asarray(LaplaceSources().mixing(KEY, 2), float))
    s, t = (row[0] * x + row[1] * y for row in unmixing)
    return np.exp(-np.abs(s) - np.abs(t)) / 4 * abs(np.linalg.det(unmixing))


def _board(x, y):
    column, row = np.floor(x + 2), np.floor(y + 2)
    return ((np.abs(x) < 2) & (np.abs(y) < 2) & ((column + row) % 2 == 0)) / 8


# Densities in the plane, written from the definitions; a truncated wall's missing mass is below 1e-3.
IN_THE_PLANE = [
    (Banana(), lambda x, y: stats.norm.pdf(x) * stats.norm.pdf(y, 0.9 / 2**0.5 * (x**2 - 1), 0.19**0.5)),
    (BananaTree(), lambda x, y: stats.norm.pdf(x) * stats.norm.pdf(y, (1 + x**2) ** 0.5 - 1, 0.25)),
    (StudentT(), lambda x, y: (1 + (x**2 + y**2) / 4) ** -3 / (2 * np.pi)),
    (
        Shell(0.3),
        lambda x, y: (
            stats.norm.pdf(_radius(x, y), 2**0.5, 0.3 * 2**0.5)
            / stats.norm.cdf(1 / 0.3)
            / (2 * np.pi * _radius(x, y))
        ),
    ),
    (GaussianMixture(3), _mixture),
    (LaplaceSources(), _laplace),
    (Checkerboard(), _board),
    (
        Rings(),
        lambda x, y: sum(
            stats.norm.pdf(_radius(x, y), r, 0.08) / (6 * np.pi * _radius(x, y)) for r in (2 / 3, 4 / 3, 2)
        ),
    ),
]


@pytest.mark.parametrize(
    ("source", "density"), IN_THE_PLANE, ids=[repr(source) for source, _ in IN_THE_PLANE]
)
def test_densities_of_the_plane_integrate_to_1(source, density):
    """The definition's density is that of the drawn rows, and has the mass 1 by the midpoint rule.

    Its error is that of the edges: of the board, of the shell and rings at 0, of the Laplace sources' kink.
    """
    x, log_prob = drawn(source, 2)
    np.testing.assert_allclose(log_prob[:1000], np.log(density(*x[:1000].T)), rtol=1e-6)
    u = (np.arange(1600) + 0.5) / 800 - 1
    points, widths = (2 * u, np.full(1600, 4 / 1600)) if isinstance(source, Checkerboard) else _stretched(u)
    mass = (density(points[:, None], points[None]) * widths[:, None] * widths[None]).sum()
    assert abs(mass - 1) < 1e-3


def _stretched(u):
    """From [−1, 1] to [−200, 200], densest at 0."""
    end = np.arcsinh(400.0)
    return np.sinh(end * u) / 2, np.cosh(end * u) * end / 2 * (u[1] - u[0])


@pytest.mark.parametrize("source", ANY, ids=repr)
def test_densities_are_normalised_in_8_dimensions(source):
    """Monte Carlo: E[q/p] is 1 for any normalised q that p covers, here a narrow normal around one row."""
    x, log_prob = drawn(source, 8)
    centre = np.median(x, 0) if not isinstance(source, Shell | GaussianMixture) else x[0]
    near = np.argsort(((x - centre) ** 2).sum(1))[:2000]
    q = stats.multivariate_normal(x[near].mean(0), np.cov(x[near].T) * 0.7)
    ratio = np.exp(q.logpdf(x) - log_prob)
    error = ratio.std() / len(x) ** 0.5
    assert error < 0.1
    assert abs(ratio.mean() - 1) < 5 * error


@pytest.mark.parametrize("source", [*ANY, *PLANE], ids=repr)
def test_train_and_test_share_no_row(source):
    with jax.enable_x64(True):
        rows = source.sample(KEY, 2, 100_000, 200, "float64")  # drawn and compiled for its density above
    assert not set(map(bytes, np.asarray(rows.train))) & set(map(bytes, np.asarray(rows.test)))


def test_student_t_is_that_of_scipy():
    x, log_prob = drawn(StudentT(), 8)
    truth = stats.multivariate_t(np.zeros(8), np.eye(8), df=4.0).logpdf(x)
    np.testing.assert_allclose(log_prob, truth, rtol=1e-9)


@pytest.mark.parametrize("source", [Banana(0.5), BananaTree(0.8, 0.3)])
@pytest.mark.parametrize("dim", [1, 6])
def test_bananas_have_the_density_of_their_map(source, dim):
    """Change of variables, with the Jacobian by central differences."""
    with jax.enable_x64(True):
        z = np.asarray(jax.random.normal(jax.random.split(KEY)[0], (3, dim), "float64"))
        rows = source.sample(KEY, dim, 3, 2, "float64")

    def bend(z):
        x = [z[0]]
        for i in range(1, dim):
            if isinstance(source, Banana):
                x.append(source.bend * (z[0] ** 2 - 1) / 2**0.5 + (1 - source.bend**2) ** 0.5 * z[i])
            else:
                parent = x[(i - 1) // 2]
                x.append(source.bend * ((1 + parent**2) ** 0.5 - 1) + source.width * z[i])
        return np.stack(x)

    for point, x, log_prob in zip(z, rows.train, rows.log_prob_train, strict=True):
        np.testing.assert_allclose(x, bend(point), rtol=1e-12)
        jacobian = (
            np.stack([bend(point + step) - bend(point - step) for step in 1e-5 * np.eye(dim)], 1) / 2e-5
        )
        expected = stats.norm.logpdf(point).sum() - np.linalg.slogdet(jacobian)[1]
        np.testing.assert_allclose(log_prob, expected, rtol=1e-7)  # differences are right to 1e-10


def test_banana_has_unit_variances():
    x, _ = drawn(Banana(), 8)
    # the fourth moment of a bent coordinate is at most 15: a variance's standard error is √(14/N) = 0.012
    np.testing.assert_allclose(x.var(0), 1, atol=0.05)
    np.testing.assert_allclose(x.mean(0), 0, atol=0.015)


def test_shell_has_its_radius():
    x, _ = drawn(Shell(0.3), 8)
    radius = np.sqrt((x**2).sum(1) / 8)
    # what is cut off, at −3.3, is a tenth of a step of N rows
    assert stats.kstest((radius - 1) / 0.3, "norm").pvalue > 1e-3
    of_one = stats.beta(3.5, 3.5, -1, 2)  # a coordinate of a uniform direction, (D−1)/2 twice
    assert stats.kstest(x[:, 0] / radius / 8**0.5, of_one.cdf).pvalue > 1e-3


def test_checkerboard_is_black_where_it_is():
    x, _ = drawn(Checkerboard(), 2)
    row, column = np.floor(x.T + 2).astype(int)
    counts = np.zeros((4, 4))
    np.add.at(counts, (row, column), 1)
    assert (counts[np.indices((4, 4)).sum(0) % 2 == 1] == 0).all()
    assert stats.chisquare(counts[counts > 0]).pvalue > 1e-3
    assert (counts > 0).sum() == 8


@pytest.mark.parametrize("source", [BananaTree(), Shell()], ids=repr)
def test_large_dimensions_stay_finite_in_float32(source):
    rows = source.sample(KEY, 784, 100, 50, "float32")
    assert all(np.isfinite(part).all() for part in rows)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Banana(1.0), "bend is 1.0: it is a share"),
        (lambda: BananaTree(1.1), r"bend is 1.1: it lies in \[0, 1\]"),
        (lambda: BananaTree(width=0.0), r"width is 0.0"),
        (lambda: StudentT(0.0), r"freedom is 0.0"),
        (lambda: Shell(0.0), r"width is 0.0"),
        (lambda: Checkerboard(0), r"half is 0"),
        (lambda: Rings(0), r"n_rings is 0"),
        (lambda: Rings(1, -1.0), r"width is -1.0"),
        (lambda: Rings().check(1, 10, 10), r"dim is 1: Rings\(.*\) lies in the plane, D = 2"),
        (lambda: Checkerboard().check(3, 10, 10), r"dim is 3: the largest of Checkerboard\(half=2\) is 2"),
    ],
)
def test_impossible_toys_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
