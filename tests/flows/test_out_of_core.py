"""Rows larger than memory: the same flow as of all rows in one piece."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from gscale import (
    PCA,
    ArrayChunks,
    Haar,
    InputError,
    LayerSpec,
    LinearCoupling,
    Moments,
    ParquetChunks,
    Quantiles,
    fit_chunks,
    fit_layerwise,
    log_prob_chunks,
)
from gscale.flows.chunks import chunk_rows
from gscale.flows.out_of_core import ColumnMoments, combine_moments

KEY = jax.random.key(3)
N, D = 12_345, 3
LAYER = LayerSpec(Haar(), Quantiles(16))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    sources = rng.gamma(2.0, size=(N, D)) + 3 * rng.integers(0, 2, (N, D))
    return (sources @ rng.normal(size=(D, D))).astype(np.float32)


@pytest.fixture
def on_disk(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    return ArrayChunks(tmp_path / "rows.npy")


@pytest.mark.parametrize("marginal", [Quantiles(16), Moments()])
def test_it_is_the_flow_of_all_rows(rows, on_disk, marginal):
    spec, first = LayerSpec(Haar(), marginal), Quantiles(None)
    # in one program both count their quantiles; outside of one few enough rows are sorted by NumPy
    whole, losses = eqx.filter_jit(fit_layerwise)(KEY, jnp.asarray(rows), spec, 3, first=first)
    flow, of_chunks = fit_chunks(KEY, on_disk, spec, 3, first=first, n_rows=4096)
    assert jax.tree.structure(flow) == jax.tree.structure(whole)
    # float32 rounds coordinates to 1e-7 of themselves, layer after layer
    for a, b in zip(jax.tree.leaves(flow), jax.tree.leaves(whole), strict=True):
        assert jnp.allclose(a, b, rtol=1e-5, atol=1e-5)
    assert jnp.allclose(of_chunks.train, losses.train, rtol=1e-5)
    log_prob = np.concatenate(list(log_prob_chunks(flow, on_disk, 5000)))
    assert np.allclose(log_prob, jax.vmap(flow.log_prob)(rows), rtol=1e-5, atol=1e-4)


def test_sums_of_chunks_are_those_of_all(rows):
    parts = np.array_split(rows.astype(float), 7)
    moments = combine_moments(ColumnMoments(len(a), a.min(0), a.max(0), a.mean(0), a.std(0)) for a in parts)
    assert moments.n == N
    assert np.allclose(moments.mean, rows.astype(float).mean(0), rtol=1e-12)
    assert np.allclose(moments.deviation, rows.astype(float).std(0), rtol=1e-12)
    assert (moments.lowest == rows.min(0)).all()
    assert (moments.highest == rows.max(0)).all()


def test_rows_of_a_single_chunk_are_fitted_in_memory(rows, on_disk):
    flow, losses = fit_chunks(KEY, on_disk, LAYER, 2)
    whole, curve = fit_layerwise(KEY, rows, LAYER, 2)
    assert (losses.train == curve.train).all()
    assert (flow.layers.marginal.x == whole.layers.marginal.x).all()


def test_parquet_comes_in_chunks_whatever_its_row_groups(rows, tmp_path):
    table = pd.DataFrame(rows, columns=list("abc")).assign(whole=np.arange(N))
    table.to_parquet(tmp_path / "rows.parquet", row_group_size=1_000)
    chunks = ParquetChunks(tmp_path / "rows.parquet", ("whole", "b"))
    assert chunks.shape == (N, 2)
    parts = list(chunks.chunks(4_500))
    assert [len(chunk) for chunk in parts] == [4_500, 4_500, N - 9_000]
    assert (np.concatenate(parts) == np.stack([np.arange(N, dtype=np.float32), rows[:, 1]], 1)).all()


def test_a_chunk_is_a_few_megabytes():
    assert chunk_rows(64) * 64 * 4 == 32 * 2**20
    assert chunk_rows(10_000) == 4096


def refused(call, *words):
    with pytest.raises(InputError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_what_needs_all_rows_is_refused(on_disk):
    def fit(spec, **options):
        return lambda: fit_chunks(KEY, on_disk, spec, 2, n_rows=4096, **options)

    refused(fit(LayerSpec(PCA(), Moments())), "PCA", "Haar")
    refused(fit(LayerSpec(Haar(), Moments(), LinearCoupling())), "LinearCoupling")
    refused(fit(LayerSpec(Haar(), Quantiles(16, bandwidth=1.0))), "bandwidth")
    refused(lambda: fit_chunks(KEY, on_disk, LAYER, 0), "n_layers is 0")


def test_bad_rows_are_refused(rows, tmp_path):
    def fit(name):
        return lambda: fit_chunks(KEY, ArrayChunks(tmp_path / name), LAYER, 1, n_rows=4096)

    for name, value, word in (("nan", np.nan, "nan"), ("infinite", np.inf, "inf")):
        bad = rows.copy()
        bad[9_000, 1] = value
        np.save(tmp_path / f"{name}.npy", bad)
        refused(fit(f"{name}.npy"), word, "the rows from 8192", "row 808, column 1")
    same = rows.copy()
    same[:, 2] = 7
    np.save(tmp_path / "same.npy", same)
    refused(fit("same.npy"), "column 2 has no variance")


def test_bad_files_are_refused(rows, on_disk, tmp_path):
    refused(lambda: ArrayChunks(tmp_path / "none.npy"), "none.npy")
    (tmp_path / "text.npy").write_text("no array")
    refused(lambda: ArrayChunks(tmp_path / "text.npy"), "text.npy")
    np.save(tmp_path / "fortran.npy", np.asfortranarray(rows))
    refused(lambda: ArrayChunks(tmp_path / "fortran.npy"), "Fortran")
    np.save(tmp_path / "flat.npy", rows[:, 0])
    refused(lambda: ArrayChunks(tmp_path / "flat.npy"), "(N, D)")
    pd.DataFrame({"a": ["x"]}).to_parquet(tmp_path / "text.parquet")
    refused(lambda: ParquetChunks(tmp_path / "text.parquet"), "'a'")
    refused(lambda: ParquetChunks(tmp_path / "text.parquet", ("b",)), "'b'")
    pd.DataFrame({"a": [1.0, None]}).to_parquet(tmp_path / "missing.parquet")
    refused(lambda: list(ParquetChunks(tmp_path / "missing.parquet").chunks(10)), "missing")
    refused(lambda: fit_chunks(KEY, on_disk, LAYER, 1, n_rows=4096, scratch=tmp_path / "no"), "scratch")
