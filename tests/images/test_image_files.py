"""Images from files: what is read, and what is refused in one line."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gscale.errors import InputError
from gscale.images.datasets import load_images, split_images
from gscale.images.image_files import read_test, read_train

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 784))
NAMES = ["label", *(f"p{i}" for i in range(784))]
LABELS = np.repeat([3, 5, 8], 4)


def table(front=LABELS, pixels=PIXELS):
    return pd.DataFrame(pixels, columns=[f"p{i}" for i in range(784)]).assign(label=front)[NAMES]


def idx(values):
    return gzip.compress(
        bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    )


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz", "npy", "idx"])
def test_the_same_images_from_each_kind_of_file(tmp_path, ending):
    path = tmp_path / f"xy_train.{ending}"
    if ending == "csv":
        table().to_csv(path, index=False)
    elif ending == "parquet":
        table().to_parquet(path)
    elif ending == "npz":
        np.savez(path, x=PIXELS / 255, y=LABELS)
    elif ending == "npy":
        np.save(path, table().to_numpy())
    else:
        path = tmp_path / "train-images-idx3-ubyte.gz"
        path.write_bytes(idx(PIXELS.astype(np.uint8).reshape(-1, 28, 28)))
        (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(idx(LABELS.astype(np.uint8)))
    labelled = read_train(path)
    np.testing.assert_allclose(labelled.images.reshape(12, -1), PIXELS / 255, rtol=1e-6)
    assert labelled.classes == ("3", "5", "8")
    assert labelled.labels.tolist() == np.repeat([0, 1, 2], 4).tolist()
    assert labelled.note == ("pixels 0–1" if ending == "npz" else "pixels 0–255")


def test_an_rdata_file(tmp_path):
    rdata = pytest.importorskip("rdata", reason="the extra r is not installed")
    path = tmp_path / "xy_train.RData"
    for held in (table().to_numpy().astype(float), table()):
        rdata.write_rda(path, {"xy_train": held})
        labelled = read_train(path)
        np.testing.assert_allclose(labelled.images.reshape(12, -1), PIXELS / 255, rtol=1e-6)
        assert labelled.classes == ("3", "5", "8")
    rdata.write_rda(path, {"train": table(), "test": table()})
    with pytest.raises(InputError, match="holds 2 tables, among train, test: keep one"):
        read_train(path)
    path.write_bytes(b"no R")
    with pytest.raises(InputError, match="is no readable file of R"):
        read_train(path)


def test_a_first_line_that_numbers_the_columns_is_no_image(tmp_path):
    named_by_number = table().set_axis(range(785), axis=1)
    named_by_number.to_csv(tmp_path / "train.csv", index=False)
    labelled = read_train(tmp_path / "train.csv")
    assert (len(labelled.images), labelled.classes) == (12, ("3", "5", "8"))
    assert labelled.note == "pixels 0–255, without a first line of column numbers"
    named_by_number.iloc[:, 1:].to_csv(tmp_path / "test.csv", index=False)
    assert len(read_test(tmp_path / "test.csv", labelled.classes).images) == 12
    table().to_csv(tmp_path / "bare.csv", index=False, header=False)
    assert len(read_train(tmp_path / "bare.csv").images) == 12


def test_labels_may_be_text_and_identifiers_anything(tmp_path):
    table(np.repeat(["a", "b", "c"], 4)).to_csv(tmp_path / "train.csv", index=False)
    table([f"im{i}" for i in range(12)]).to_csv(tmp_path / "test.csv", index=False)
    known = read_train(tmp_path / "train.csv")
    assert known.classes == ("a", "b", "c")
    assert read_test(tmp_path / "test.csv", known.classes).names[1] == "im1"


def changed(value):
    pixels = PIXELS.astype(float)
    pixels[1, 2] = value
    return table(pixels=pixels)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().iloc[:, :-3], r"has 782 columns: 785 are due"),
        (table().iloc[:, 1:], r"has 784 columns and no labels"),
        (table(np.full(12, 7)), r"all labels are 7: 2 classes or more"),
        (table(np.arange(12)), r"12 images of 12 classes: 2 of each"),
        (table(np.repeat([0, 1], [11, 1])), r"class 1 has 1 image: 2 are needed"),
        (changed(256), r"pixels go from 0 to 256"),
        (changed(-1), r"pixels go from -1 to 255"),
        (changed(np.inf), r"pixel 3 of image 2 is no number"),
        (changed(np.nan), r"pixel 3 of image 2 is no number"),
        (table([np.nan, *LABELS[1:]]), r"image 1 has no label"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(tmp_path, frame, message):
    path = tmp_path / "train.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        read_train(path)


def test_a_test_file_that_carries_labels_is_refused(tmp_path):
    table().to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(InputError, match=r"the first column holds labels such as 3, not identifiers"):
        read_test(tmp_path / "test.csv", ("3", "5", "8"))


def test_a_split_shares_nothing_and_is_drawn_by_its_seed():
    whole = load_images("digits", 6)
    parts, again = split_images(whole, 100, 1), split_images(whole, 100, 1)
    assert len(parts.train.labels) == 100
    assert len(parts.train.labels) + len(parts.test.labels) == len(whole.labels)
    np.testing.assert_array_equal(parts.train.images, again.train.images)
    assert (parts.train.images != split_images(whole, 100, 2).train.images).any()
    with pytest.raises(InputError, match=r"5 labelled images of 1,083: choose 12 to 1082"):
        split_images(whole, 5, 0)
    with pytest.raises(InputError, match="no images are called"):
        load_images("cats", 6)


def test_digits_of_mnist_and_their_labels(monkeypatch):
    data = Path(__file__).parents[3] / "shared" / "data"
    if not (data / "mnist").is_dir():
        pytest.skip("the MNIST files of ../shared/data are not there")
    monkeypatch.setenv("GSCALE_DATA", str(data))
    labelled = load_images("mnist-test", 6)
    assert np.bincount(labelled.labels).tolist() == [980, 1135, 1032, 1010, 982, 892]  # as published
    images = labelled.images.reshape(len(labelled.labels), -1)
    centres = np.stack([images[labelled.labels == k].mean(0) for k in range(6)])
    nearest = (2 * images @ centres.T - (centres**2).sum(1)).argmax(1)
    assert (nearest == labelled.labels).mean() > 0.8  # a sixth, were images and labels not in the same order
