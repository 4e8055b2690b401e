"""Sources: exact densities, disjoint train and test rows, and limits that are told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gscale import Digits, Gaussian, InputError, Patches
from gscale.data import AR1, Equicorrelated, NearIdentity, PowerLaw, Spiked, Wishart
from gscale.data.reductions import area_average
from gscale.data.sklearn_images import _BLOCK, _digits, _photographs, _positions
from gscale.validation import check_rows

KEY = jax.random.key(0)
FAMILIES = [
    Wishart(),
    PowerLaw(),
    AR1(),
    AR1(-0.5),
    Equicorrelated(),
    Spiked(),
    Spiked(5.0, 3),
    NearIdentity(),
]


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
@pytest.mark.parametrize("dim", [1, 2, 7])
def test_covariances_are_correlations(family, dim):
    with jax.enable_x64(True):
        matrix = np.asarray(family.matrix(KEY, dim))
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(np.diag(matrix), 1)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-15)
    assert np.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize(
    ("family", "kl"),
    [
        (AR1(0.8), lambda d: -0.5 * (d - 1) * np.log(1 - 0.8**2)),
        (Equicorrelated(0.3), lambda d: -0.5 * ((d - 1) * np.log(0.7) + np.log(1 + (d - 1) * 0.3))),
    ],
)
def test_closed_forms_of_the_kl(family, kl):
    with jax.enable_x64(True):
        for dim in (1, 2, 9):
            np.testing.assert_allclose(Gaussian(family).kl(KEY, dim), kl(dim), rtol=1e-12, atol=1e-14)


def test_spectra_of_the_families():
    with jax.enable_x64(True):
        near = np.linalg.eigvalsh(np.asarray(NearIdentity(0.05).matrix(KEY, 20)))
        power = np.linalg.eigvalsh(np.asarray(PowerLaw(1.0).matrix(KEY, 64)))[::-1]
        spiked = np.linalg.eigvalsh(np.asarray(Spiked(10.0, 2).matrix(KEY, 200)))[::-1]
    assert abs(np.abs(near - 1).max() - 0.05) < 1e-12
    slope = np.polyfit(np.log(np.arange(1, 65)), np.log(power), 1)[0]
    assert abs(slope + 1) < 0.2  # the unit diagonal bends the spectrum a little
    assert (spiked > 5).sum() == 2


def test_gaussian_rows_have_their_density():
    with jax.enable_x64(True):
        source = Gaussian(Wishart())
        covariance = np.asarray(source.matrix(KEY, 3))
        rows = source.sample(KEY, 3, 50_000, 100, "float64")
    truth = multivariate_normal(np.zeros(3), covariance).logpdf(np.asarray(rows.test))
    np.testing.assert_allclose(rows.log_prob_test, truth, rtol=1e-10)
    # A covariance of N rows has a standard error of at most √(2/N) = 0.006 in each entry.
    np.testing.assert_allclose(np.cov(np.asarray(rows.train).T), covariance, atol=0.03)


def test_patches_share_no_pixel():
    for side in (2, 5, 28):
        pixels = []
        for positions in _positions(side):
            covered = np.zeros(_photographs().shape, bool)
            for image, row, column in np.unique(positions, axis=0)[:: max(1, 300 // side)]:
                covered[image, row : row + side, column : column + side] = True
            # the densest test: the corners of all positions, grown to whole patches
            corners = np.zeros_like(covered)
            corners[tuple(positions.T)] = True
            grown = sum(np.roll(corners, (i, j), (1, 2)) for i in (0, side - 1) for j in (0, side - 1)) > 0
            pixels.append(covered | grown)
        assert not (pixels[0] & pixels[1]).any()


def test_test_blocks_are_a_fifth_of_every_column_of_blocks():
    train, test = _positions(4)
    assert 0.15 < len(test) / (len(train) + len(test)) < 0.25
    assert set(np.unique(test[:, 2] // _BLOCK[1])) == set(range(10))
    assert set(np.unique(test[:, 1] // _BLOCK[0])) == set(range(7))


def test_patches_are_pixels_of_the_photographs():
    rows = Patches().sample(KEY, 9, 200, 50, "float64")
    assert rows.train.shape == (200, 9)
    assert rows.test.shape == (50, 9)
    assert rows.train.min() > 0
    assert rows.train.max() < 1
    pixels = np.floor(rows.train * 256).reshape(200, 3, 3)
    windows = np.lib.stride_tricks.sliding_window_view(_photographs(), (3, 3), axis=(1, 2)).reshape(-1, 9)
    known = {window.tobytes() for window in windows}
    assert all(patch.ravel().tobytes() in known for patch in pixels)


def test_no_row_twice_and_the_same_rows_for_the_same_key():
    for source, n in ((Patches(), 3000), (Digits(), 1000)):
        first, second = (source.sample(KEY, 16, n, 300, "float32") for _ in range(2))
        np.testing.assert_array_equal(first.train, second.train)
        both = np.concatenate([first.train, first.test])
        assert len(np.unique(both, axis=0)) == n + 300


def test_digits_keep_train_and_test_images_apart():
    rows = Digits().sample(KEY, 64, 1437, 360, "float64")
    images = np.floor(rows.train * 17), np.floor(rows.test * 17)
    held_out = np.arange(1797) % 5 == 0
    for drawn, pool in zip(images, (_digits()[~held_out], _digits()[held_out]), strict=True):
        assert sorted(map(tuple, drawn)) == sorted(map(tuple, pool.reshape(-1, 64)))


def test_area_average():
    shrink = area_average(8, 3)
    np.testing.assert_allclose(shrink.sum(1), 1)
    np.testing.assert_allclose(shrink.sum(0), 3 / 8)
    np.testing.assert_allclose(shrink[0], [3 / 8, 3 / 8, 1 / 4, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("source", "dim", "n", "message"),
    [
        (Patches(), 900, 10, r"dim is 900: the largest of Patches\(\) is 784"),
        (Patches(), 10, 10, r"dim is 10: .* so D is a square: try 9 or 16"),
        (Patches(), 0, 10, r"dim is 0: a dimension is at least 1"),
        (
            Patches(),
            784,
            10**6,
            r"1000000 training and 10 test rows asked for: Patches\(\) has \d+ and \d+ at D = 784",
        ),
        (Digits(), 81, 10, r"dim is 81: the largest of Digits\(\) is 64"),
        (Digits(), 64, 1700, r"Digits\(\) has 1437 and 360 at D = 64"),
        (Gaussian(), -1, 10, r"dim is -1"),
    ],
)
def test_limits_are_told(source, dim, n, message):
    with pytest.raises(InputError, match=message):
        source.check(dim, n, 10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Wishart(0.5), "ratio is 0.5"),
        (lambda: AR1(1.0), "rho is 1.0"),
        (lambda: Equicorrelated(-0.1), "rho is -0.1"),
        (lambda: Spiked(-1.0), "strength is -1.0"),
        (lambda: Spiked(1.0, -1), "n_spikes is -1"),
        (lambda: NearIdentity(1.5), "size is 1.5"),
    ],
)
def test_impossible_families_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_rows_are_not_checked_inside_a_transformation():
    jax.jit(lambda x: check_rows(x, "x"))(np.zeros((1, 1)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_on_a_device_are_checked_too(value):
    # XLA's least and greatest values on the CPU pass over NaN
    x = np.random.default_rng(0).normal(size=(20_000, 5)).astype(np.float32)
    check_rows(jnp.asarray(x), "x")
    x[9_000, 1] = value
    with pytest.raises(InputError, match="row 9000, column 1"):
        check_rows(jnp.asarray(x), "x")
