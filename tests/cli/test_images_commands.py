"""gscale classify and gscale generate: what they write, and what they refuse."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_images import IMAGES, LABELS, SMALL, SMALL_CVAE, Killed

from gscale.bench.small_images import classifier_comparison, generator_comparison, image_summary
from gscale.images import datasets, tasks
from gscale.images.base import LabelledImages


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Small recipes, and files of two classes of bars."""
    monkeypatch.setitem(tasks.CLASSIFIERS, "default", SMALL)
    monkeypatch.setitem(tasks.GENERATORS, "default", SMALL_CVAE)
    pixels = (255 * IMAGES.reshape(40, -1)).astype(int)
    frame = pd.DataFrame(pixels, columns=[f"p{i}" for i in range(784)])
    frame.assign(label=LABELS)[["label", *frame]].to_csv(tmp_path / "xy_train.csv", index=False)
    frame.insert(0, "id", [f"im{i}" for i in range(40)])
    frame.to_csv(tmp_path / "x_test.csv", index=False)
    return ("--train", "xy_train.csv", "--test", "x_test.csv")


def killed_and_again(gscale, monkeypatch, *arguments):
    """Exit code and first output of a command that was killed and given again, and the files between."""
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "Checkpoint", Killed)
        assert gscale(*arguments)[0]
    out = Path(arguments[-1])
    files = [path.name for path in out.iterdir()]
    code = gscale(*arguments)[0]
    path, *_ = [*out.glob("predictions.csv"), *out.glob("images.npz")]
    return code, path.read_bytes(), files


def test_classify_then_generate(gscale, small, monkeypatch, tmp_path):
    code, out, err = gscale("classify", *small, "--out", "c")
    assert code == 0, err
    assert "xy_train.csv: 40 images of 2 classes, pixels 0–255; x_test.csv: 40, pixels 0–255" in out
    predictions = pd.read_csv(tmp_path / "c" / "predictions.csv")
    assert (predictions["label"] == LABELS).all()
    np.testing.assert_allclose(predictions["confidence"], predictions[["p_0", "p_1"]].max(axis=1))
    again = killed_and_again(gscale, monkeypatch, "classify", *small, "--out", "again")
    assert again == (0, (tmp_path / "c" / "predictions.csv").read_bytes(), ["tuning.ckpt"])
    names = ["classifier.safetensors", "confusion.png", "curves.png", "predictions.csv", "uncertain.png"]
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == names
    more = ("--classifier", "c/classifier.safetensors", "--count", 3, "--out", "g")
    code, out, err = gscale("generate", *small, *more)
    assert code == 0, err
    with np.load(tmp_path / "g" / "images.npz") as file:
        assert file["y"].tolist() == ["0"] * 3 + ["1"] * 3
        assert file["x"].shape == (6, 28, 28)
    again = killed_and_again(gscale, monkeypatch, "generate", *small, *more[:-1], "again_g")
    assert again == (0, (tmp_path / "g" / "images.npz").read_bytes(), ["generator.ckpt"])
    names = ["curves.png", "generator.safetensors", "images.npz", "images.png", "traversals.png"]
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == names


def test_a_class_that_is_never_predicted_is_refused(gscale, small, tmp_path):
    frame = pd.read_csv(tmp_path / "x_test.csv")
    frame.iloc[::2].to_csv(tmp_path / "x_test.csv", index=False)
    code, _, err = gscale("generate", *small, "--out", "g")
    assert code == 2
    assert err.splitlines()[-1].startswith("gscale: no image of the test file is labelled 1: ")
    assert not (tmp_path / "g").exists()  # nor the checkpoints of the classifier
    code, _, err = gscale("classify", *small, "--out", "c")
    assert code == 2
    assert err.splitlines()[-1].endswith("give test images of it or say --allow-absent")
    assert not (tmp_path / "c").exists()
    code, _, err = gscale("classify", *small, "--out", "c", "--allow-absent")
    assert code == 0, err
    assert set(pd.read_csv(tmp_path / "c" / "predictions.csv")["label"]) == {0}


@pytest.mark.parametrize(
    ("name", "spoiled", "message"),
    [
        ("x_test.csv", lambda t: t.iloc[:, :-2], "x_test.csv has 783 columns: 785 are due"),
        ("x_test.csv", lambda t: t.replace({"p300": 0}, -1), "x_test.csv: pixels go from -1 to 255"),
        ("x_test.csv", lambda t: t.assign(id=LABELS), "the first column holds labels such as 0"),
        ("xy_train.csv", lambda t: t.iloc[:, :-3], "xy_train.csv has 782 columns: 785 are due"),
        ("xy_train.csv", lambda t: t.iloc[:3], "3 images of 2 classes: 2 of each are needed"),
        ("xy_train.csv", lambda t: t.assign(label=1), "all labels are 1: 2 classes or more"),
    ],
)
@pytest.mark.parametrize("command", ["classify", "generate"])
def test_what_is_wrong_in_a_file_is_one_line(gscale, small, tmp_path, command, name, spoiled, message):
    spoiled(pd.read_csv(tmp_path / name)).to_csv(tmp_path / name, index=False)
    code, out, err = gscale(command, *small, "--out", "o")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "o").exists()


def test_the_checkpoint_of_another_training_is_left_alone(gscale, small, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "tuning.ckpt").write_text('{"checkpoint": 1, "setting": "mine"}')
    code, _, err = gscale("classify", *small, "--out", "c")
    assert code == 2
    assert "is the checkpoint of another training" in err
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["tuning.ckpt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "--train", "a.csv"), "--train and --test go together"),
        (("classify", "--train", "a.csv", "--compare", 2), "--compare measures on images whose labels are"),
        (("classify", "--recipe", "best"), "--recipe best: choose default, reference"),
        (("classify", "--table", "xls"), "--table xls: choose csv, parquet"),
        (("classify", "--data", "digits", "--classes", 11), "11 classes of digits: choose 2 to 10"),
        (("classify", "--epochs", 0), "epochs is 0: it is at least 1"),
        (("generate", "--model", "gan"), "--model gan: choose default, reference"),
        (("generate", "--count", 0), "count is 0: it is at least 1"),
        (("classify", "--folds", 1, "--data", "digits"), "1 folds: choose 2 to"),
        (("images", "nowhere"), "nowhere has no table"),
    ],
)
def test_wrong_arguments(gscale, tmp_path, arguments, message):
    code, _, err = gscale(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_folds_are_reported(gscale, small):
    code, out, err = gscale("classify", *small, "--folds", 5, "--out", "c")
    assert code == 0, err
    assert "5-fold cross-validation: accuracy 1.0000, standard error 0.0000" in out


def test_an_interval_by_hand(tmp_path):
    rows = [
        {
            "recipe": name,
            "seed": i,
            "dataset": "x",
            "accuracy": i / 2 + more,
            "calibration_error": 0,
            "cpu": 1,
        }
        for name, more in (("a", 0), ("b", 0.25))
        for i in (0, 1)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "recipes.parquet")
    text = "\n".join(image_summary.lines(tmp_path))
    assert "0.2500 ± 3.1766" in text  # 12.706 by a standard error of 0.25
    assert "+0.2500 ± 0.0000" in text  # the same on each seed


class Sees:
    """A classifier that is always sure of the same class, with an image's first pixels as features."""

    def probabilities(self, images):
        return np.eye(6)[self.predict(images)]

    def predict(self, images):
        return np.zeros(len(images), int)

    def features(self, images):
        return images.reshape(len(images), -1)[:, 300:303]


def test_recipes_beside_each_other(gscale, monkeypatch, tmp_path):
    trained = []

    def fit(*given):
        trained.append(given[2:])
        return SimpleNamespace(classifier=Sees())

    monkeypatch.setattr(classifier_comparison, "fit_classifier", fit)
    monkeypatch.setattr(classifier_comparison, "ABLATION", {"other": SMALL})
    code, out, err = gscale("classify", "--compare", 2, "--out", "c")
    assert code == 0, err
    recipes = [(classifier_comparison.RECIPES[name], 0.2) for name in ("default", "reference")]
    assert trained == recipes * 2 + [(SMALL, 0.0)] * 2
    digits = datasets.load_images("digits", 6)
    zeros = (datasets.split_images(digits, 500, 0).test.labels == 0).mean()
    table = pd.read_parquet(tmp_path / "c" / "recipes.parquet")
    assert table["accuracy"][0] == pytest.approx(zeros)
    assert table[["device", "jax", "gscale", "created"]].notna().all(axis=None)
    assert gscale("classify", "--compare", 2, "--out", "c")[:2] == (0, out)
    assert len(trained) == 6  # what the tables have is not measured again
    code, _, err = gscale("classify", "--compare", 2, "--data", "mnist-test", "--out", "c")
    assert (code, err.count("\n")) == (2, 1)
    assert "recipes.parquet is of digits, not of mnist-test: choose another folder" in err


def test_generators_beside_each_other(gscale, monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 20)
    images = rng.uniform(size=(2, 120, 28, 28))
    labelled, real = (LabelledImages(part, labels, tuple("012345")) for part in images)
    setting = generator_comparison.GeneratorSetting(labelled, Sees(), Sees(), real)

    def generate(*_):
        yield "", real.images, 1.5
        yield ", again", labelled.images, np.nan

    monkeypatch.setattr(generator_comparison, "make_setting", lambda *_: setting)
    monkeypatch.setattr(generator_comparison, "generate_images", generate)
    monkeypatch.setattr(generator_comparison, "GENERATORS", {"real": None})
    code, out, err = gscale("generate", "--compare", 2, "--out", "g")
    assert code == 0, err
    table = pd.read_parquet(tmp_path / "g" / "generators.parquet")
    assert table["generator"].tolist() == ["real", "real, again"] * 2
    assert table["label_accuracy"].tolist() == pytest.approx([1 / 6] * 4)
    assert table["nearest"].tolist() == pytest.approx([1, 0] * 2, abs=1e-6)
    assert "1.500 ± 0.000" in out
    assert {"images_real.png", "generators.png"} <= {path.name for path in (tmp_path / "g").iterdir()}
    assert gscale("generate", "--compare", 2, "--out", "g")[:2] == (0, out)
