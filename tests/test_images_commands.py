"""gscale classify and gscale generate: what they write, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
from test_images_models import IMAGES, LABELS, SMALL, SMALL_CVAE

from gscale.images import classifier, cvae, tables


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Small recipes, and files of two classes of bars."""
    monkeypatch.setattr(classifier, "DEFAULT", SMALL)
    monkeypatch.setattr(cvae, "DEFAULT", SMALL_CVAE)
    pixels = (255 * IMAGES.reshape(40, -1)).astype(int)
    frame = pd.DataFrame(pixels, columns=[f"p{i}" for i in range(784)])
    frame.assign(label=LABELS)[["label", *frame]].to_csv(tmp_path / "xy_train.csv", index=False)
    frame.insert(0, "id", [f"im{i}" for i in range(40)])
    frame.to_csv(tmp_path / "x_test.csv", index=False)
    return ("--train", "xy_train.csv", "--test", "x_test.csv")


def test_classify_then_generate(gscale, small, tmp_path):
    code, out, err = gscale("classify", *small, "--out", "c")
    assert code == 0, err
    assert "xy_train.csv: 40 images of 2 classes, pixels 0–255; x_test.csv: 40, pixels 0–255" in out
    found = pd.read_csv(tmp_path / "c" / "predictions.csv")
    assert (found["label"] == LABELS).all()
    np.testing.assert_allclose(found["confidence"], found[["p_0", "p_1"]].max(axis=1))
    kept = (tmp_path / "c" / "predictions.csv").read_bytes()
    assert gscale("classify", *small, "--out", "c")[0] == 0
    assert (tmp_path / "c" / "predictions.csv").read_bytes() == kept
    assert {"curves.png", "uncertain.png"} <= {path.name for path in (tmp_path / "c").iterdir()}
    more = ("--classifier", "c/classifier.safetensors", "--count", 3, "--out", "g")
    code, out, err = gscale("generate", *small, *more)
    assert code == 0, err
    with np.load(tmp_path / "g" / "images.npz") as file:
        assert file["y"].tolist() == ["0"] * 3 + ["1"] * 3
        assert file["x"].shape == (6, 28, 28)
    names = {path.name for path in (tmp_path / "g").iterdir()}
    assert {"images.png", "traversals.png", "curves.png", "generator.safetensors"} <= names


def test_a_class_that_is_never_predicted_is_refused(gscale, small, tmp_path):
    frame = pd.read_csv(tmp_path / "x_test.csv")
    frame.iloc[::2].to_csv(tmp_path / "x_test.csv", index=False)
    code, _, err = gscale("generate", *small, "--out", "g")
    assert code == 2
    assert err.splitlines()[-1].startswith("gscale: no image of the test file is labelled 1: ")
    assert not (tmp_path / "g" / "images.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "--train", "a.csv"), "--train and --test go together"),
        (("classify", "--recipe", "best"), "--recipe best: default or reference"),
        (("classify", "--table", "xls"), "--table xls: csv or parquet"),
        (("classify", "--data", "digits", "--classes", 11), "11 classes of digits: choose 2 to 10"),
        (("classify", "--epochs", 0), "0 epochs in batches of 32"),
        (("generate", "--model", "gan"), "--model gan: choose default, reference"),
        (("generate", "--count", 0), "--count 0: at least 1 image"),
        (("images", "nowhere"), "nowhere has no table"),
    ],
)
def test_wrong_arguments(gscale, tmp_path, arguments, message):
    code, _, err = gscale(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_folds_are_told(gscale, small):
    code, out, err = gscale("classify", *small, "--folds", 2, "--out", "c")
    assert code == 0, err
    assert "2-fold cross-validation: accuracy 1.0000 ± 0.0000" in out


def test_an_interval_by_hand(tmp_path):
    rows = [
        {"recipe": "a", "seed": i, "dataset": "x", "accuracy": i / 2, "calibration_error": 0, "cpu": 1}
        for i in (0, 1)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "recipes.parquet")
    text = "\n".join(tables.lines(tmp_path))
    assert "0.2500 ± 3.1766" in text  # 12.706 by a standard error of 0.25
