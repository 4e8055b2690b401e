"""Sweeps on the user's own file."""

import json
from pathlib import Path

import numpy as np
import pytest

from gscale.bench import catalog
from gscale.bench.user_data import on_user_data
from gscale.data import user_file
from gscale.results import tables


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 8, 8), np.uint8)
    np.savez(tmp_path / "my_images.npz", images)
    (tmp_path / "one.csv").write_text("x\n" + "\n".join(map(str, rng.laplace(size=300))) + "\n")
    kinds = np.array(["tcp", "udp"])[rng.integers(0, 2, 300)]
    table = zip(kinds, rng.normal(size=300), rng.normal(size=300), strict=True)
    (tmp_path / "mixed.csv").write_text(
        "kind,a,b,c\n" + "\n".join(f"{k},{a},{b},1" for k, a, b in table) + "\n"
    )
    return tmp_path


def dims(folder):
    return sorted(tables.read_tables(folder)["dim"].unique())


MINE = Path(__file__).parents[1] / "scripts" / "my_sweep.py"
RUN = ("run", "images", "--profile", "ci", "--seeds", "1", "--data")


@pytest.mark.usefixtures("files")
def test_images_run_on_a_file_they_have_never_seen(gscale, tmp_path):
    code, out, _ = gscale("run", "images", "--data", "my_images.npz", "--dims", "4,16", "--seeds", "1")
    assert (code, "2 cells run" in out) == (0, True)
    table = tables.read_tables(tmp_path / "results")
    assert dims(tmp_path / "results") == [4, 16]
    assert set(table["n_samples"]) == {160}
    name = table["dataset"].iloc[0]
    assert name.startswith('{"UserImages":{"digest":"')
    assert name.endswith('","name":"my_images.npz"}}')
    assert str(tmp_path) not in json.dumps(table.astype(str).to_dict())
    assert (
        "2 there already"
        in gscale("run", "images", "--data", "my_images.npz", "--dims", "4,16", "--seeds", "1")[1]
    )


@pytest.mark.usefixtures("files")
def test_one_column_is_one_dimension(gscale, tmp_path):
    code, out, _ = gscale(*RUN, "one.csv")
    assert (code, "1 cells run" in out) == (0, True)
    assert dims(tmp_path / "results") == [1]


def test_an_own_table_takes_the_place_of_several_with_all_its_rows(tmp_path):
    rows = np.random.default_rng(0).normal(size=(12_000, 9))
    np.save(tmp_path / "mine.npy", rows)
    source = user_file(tmp_path / "mine.npy")
    cells = [
        on_user_data(catalog.load("tables"), name, source).cells(name) for name in ("ci", "quick", "full")
    ]
    assert [{(cell.n_samples, cell.n_test) for cell in of} for of in cells] == [
        {(2_000, 500)},
        {(8_000, 2_000)},
        {(9_600, 2_400)},
    ]
    # the D of all its tables that fit, each once
    assert [[cell.dim for cell in of] for of in cells] == [[2, 4, 6, 8]] * 3


def test_a_sweep_over_rows_keeps_them(tmp_path):
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(1_000, 9)))
    sweep = catalog.load("finite_samples")
    cells = on_user_data(sweep, "ci", user_file(tmp_path / "mine.npy")).cells("ci")
    assert {cell.n_samples for cell in cells} == {300, 800}  # 3,000 are asked for


@pytest.mark.usefixtures("files")
def test_columns_and_text(gscale, tmp_path):
    code, _, err = gscale("run", MINE, "--data", "mixed.csv", "--encode", "--dims", "3")
    assert code == 0, err
    assert err == "gscale: mixed.csv: left out, for they are constant: c\n"
    code, _, err = gscale("run", MINE, "--data", "mixed.csv", "--columns", "a, b", "--dims", "2")
    assert (code, err) == (0, "")
    assert set(tables.read_tables(tmp_path / "results")["dim"]) == {2, 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*RUN, "mixed.csv"), "column 'kind' holds text, "),
        ((*RUN, "mixed.csv", "--columns", "d"), "has no column 'd': it has kind, a, b, c"),
        ((*RUN, "none.csv"), "there is no file "),
        ((*RUN, "."), " is a folder: give a file"),
        ((*RUN, "my_images.npz", "--dims", "5"), "so D is a square: try 4 or 9"),
        ((*RUN, "one.csv", "--dims", "2"), "dim is 2: the largest of UserTable("),
        (("run", "theorem1", "--data", "one.csv"), "sweep 'theorem1' works on covariances"),
    ],
)
@pytest.mark.usefixtures("files")
def test_misuse_is_one_line(gscale, arguments, message):
    code, out, err = gscale(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.long
def test_a_model_of_a_set_is_data_like_other_data(gscale, tmp_path):
    code, out, _ = gscale(
        "data", "model", "digits", "--dim", "4", "--rows", 900, "--layers", 2, "--out", "d.safetensors"
    )
    assert (code, out.startswith("ModelDistribution(name='d.safetensors'")) == (0, True)
    assert gscale(*RUN, "d.safetensors")[0] == 0
    table = tables.read_tables(tmp_path / "results")
    assert (set(table["metric"]), set(table["dim"])) == ({"kl"}, {4})


def test_fetched_sets_are_not_asked_for_before_they_are_used(monkeypatch, tmp_path):
    monkeypatch.setenv("GSCALE_DATA", str(tmp_path))
    for name in ("images", "tables", "toys"):
        for profile in ("ci", "quick", "full"):
            assert catalog.load(name).cells(profile)
    assert not list(tmp_path.iterdir())
