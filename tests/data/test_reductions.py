"""Cuts to D, and the tables that ship with scikit-learn."""

import dataclasses

import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA

from gscale import InputError
from gscale.data import BreastCancer, Crop, Diabetes, PrincipalAxes, Wine, user_file
from gscale.data.row_pool import scan_rows

KEY = jax.random.key(0)


@pytest.mark.parametrize("source", [BreastCancer(), Wine(), Diabetes()], ids=repr)
def test_shipped_tables(source):
    size, pool = source.size, source.pool
    assert (len(pool.train), len(pool.test), pool.rows.shape[1]) == size
    assert not set(map(tuple, pool.rows[pool.train])) & set(map(tuple, pool.rows[pool.test]))
    rows = source.sample(KEY, size.width, size.train, size.test, "float64")
    np.testing.assert_allclose(rows.train.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.train.std(0), 1, rtol=1e-12)
    assert abs(rows.test.mean(0)).max() > 1e-3  # they had no say
    both = np.concatenate([rows.train, rows.test])
    assert len(np.unique(both, axis=0)) == len(both)
    with pytest.raises(InputError, match=rf"the largest of {type(source).__name__}\(.*\) is {size.width}"):
        source.check(size.width + 1, 10, 10)


def test_principal_axes_are_those_of_scikit_learn():
    every = BreastCancer().sample(KEY, 30, 400, 100, "float64")
    cut = BreastCancer(PrincipalAxes()).sample(KEY, 5, 400, 100, "float64")
    # 400 rows of 456 either time, not the same ones: a variance is right to √(2/400)
    pca = PCA(5, svd_solver="full").fit(every.train)
    variances = cut.train.var(0)
    np.testing.assert_allclose(variances, pca.explained_variance_ * 399 / 400, rtol=0.1)
    assert (np.diff(variances) < 0).all()
    np.testing.assert_allclose(np.corrcoef(cut.train.T), np.eye(5), atol=1e-10)


def test_axes_that_rows_do_not_have_are_refused(tmp_path):
    half = np.random.default_rng(0).normal(size=(50, 2))
    np.save(tmp_path / "flat.npy", half @ np.random.default_rng(1).normal(size=(2, 4)))
    source = dataclasses.replace(user_file(tmp_path / "flat.npy"), cut=PrincipalAxes())
    assert source.sample(KEY, 2, 40, 10, "float64").train.shape == (40, 2)
    with pytest.raises(InputError, match="dim is 3: the 40 training rows vary along 2 axes only"):
        source.sample(KEY, 3, 40, 10, "float64")


def test_a_crop_is_the_middle(tmp_path):
    images = np.random.default_rng(2).integers(0, 256, (40, 7, 7), np.uint8)
    np.save(tmp_path / "images.npy", images)
    source = dataclasses.replace(user_file(tmp_path / "images.npy"), cut=Crop())
    assert "Crop()" in repr(source)
    middle = np.floor(source.sample(KEY, 9, 32, 8, "float64").test * 256)
    pool = scan_rows(images, (), "images")
    assert sorted(map(tuple, middle)) == sorted(map(tuple, images[pool.test][:, 2:5, 2:5].reshape(-1, 9)))


def test_rows_of_the_published_test_set_are_no_training_rows():
    rows = np.array([[1, 2], [3, 4], [5, 6], *([i, i] for i in range(10, 20)), [3, 4], [7, 8]])
    pool = scan_rows(rows, ("a", "b"), "rows", n_test=2)
    assert pool.test.tolist() == [13, 14]
    assert pool.train.tolist() == [0, *range(2, 13)]
