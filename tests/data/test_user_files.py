"""The user's own files: every format read as written, every flaw one clear line."""

import gzip
import struct

import jax
import numpy as np
import pandas as pd
import pytest

from gscale import InputError
from gscale.data import UserImages, UserTable, user_file
from gscale.data.reductions import area_average
from gscale.data.row_pool import scan_rows

KEY = jax.random.key(0)
REALS = np.random.default_rng(0).normal(size=(200, 3)) * [1, 10, 0.1] + [0, 5, -3]
PIXELS = np.random.default_rng(1).integers(0, 256, (120, 6, 6), np.uint8)


def idx(array, code):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.tobytes()


def write(path, values):
    frame = pd.DataFrame(values, columns=list("abc")[: values.shape[1]]) if values.ndim == 2 else None
    match path.suffixes[-1]:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".parquet":
            frame.to_parquet(path)
        case ".npy":
            np.save(path, values)
        case ".npz":
            np.savez(path, values)
        case ".idx":
            path.write_bytes(idx(values.astype(">f8"), 0x0E))
        case ".gz":
            path.write_bytes(gzip.compress(idx(values.astype(">f8"), 0x0E)))
    return path


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npy", ".npz", ".idx", ".idx.gz"])
def test_every_format_gives_the_same_rows(tmp_path, ending):
    source = user_file(write(tmp_path / f"mine{ending}", REALS))
    assert (type(source), source.max_dim) == (UserTable, 3)
    assert str(tmp_path) not in repr(source)
    rows = source.sample(KEY, 3, 160, 40, "float64")
    # standardised by the training rows alone: what is drawn is an affine map of rows of the file
    pool = scan_rows(REALS, (), "x")
    train, test = REALS[pool.train], REALS[pool.test]
    order = np.argsort(rows.train[:, 0])
    expected = (train - train.mean(0)) / train.std(0)
    np.testing.assert_allclose(rows.train[order], expected[np.argsort(expected[:, 0])], rtol=1e-9, atol=1e-12)
    expected = (test - train.mean(0)) / train.std(0)
    order = np.argsort(rows.test[:, 0])
    np.testing.assert_allclose(rows.test[order], expected[np.argsort(expected[:, 0])], rtol=1e-9, atol=1e-12)


def test_integers_get_noise_below_one_step(tmp_path):
    counts = np.random.default_rng(2).integers(0, 9, (500, 1))
    counts = np.concatenate([counts, counts + 0.5], 1)  # the second is no column of integers
    source = user_file(write(tmp_path / "counts.csv", counts))
    rows = source.sample(KEY, 2, 100, 20, "float64")
    both = np.concatenate([rows.train, rows.test])
    assert len(np.unique(both[:, 0])) == 120
    assert len(np.unique(both[:, 1])) <= 9


def test_a_column_is_chosen_for_each_seed_in_the_order_of_the_table(tmp_path):
    source = user_file(write(tmp_path / "mine.npy", REALS))
    ranges = {
        round(float(np.ptp(source.sample(jax.random.key(seed), 1, 160, 40, "float64").test)), 6)
        for seed in range(12)
    }
    assert len(ranges) == 3  # all rows are drawn each time: what differs is the column


@pytest.mark.parametrize("flat", [False, True])
def test_images_are_averaged_over_areas(tmp_path, flat):
    path = tmp_path / "images.npz"
    np.savez(path, PIXELS.reshape(120, 36) if flat else PIXELS)
    source = user_file(path)
    assert (type(source), source.max_dim) == (UserImages, 36)
    pixels = np.floor(source.sample(KEY, 36, 96, 24, "float64").train * 256)
    assert {row.tobytes() for row in pixels} < {
        row.tobytes() for row in PIXELS.reshape(120, 36).astype(float)
    }
    rows = source.sample(KEY, 4, 96, 24, "float64")
    shrink = area_average(6, 2)
    full = source.sample(KEY, 36, 96, 24, "float64").test.reshape(-1, 6, 6)
    np.testing.assert_allclose(rows.test, (shrink @ full @ shrink.T).reshape(-1, 4), rtol=1e-12)


def test_bytes_divided_by_255_and_colours_are_images_too(tmp_path):
    np.save(tmp_path / "unit.npy", (PIXELS / 255).astype("float32"))
    np.save(tmp_path / "bytes.npy", PIXELS)
    np.save(tmp_path / "colour.npy", np.repeat(PIXELS[..., None], 3, 3))
    drawn = [
        user_file(tmp_path / f"{name}.npy").sample(KEY, 9, 50, 20, "float64").test
        for name in ("bytes", "unit", "colour")
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_allclose(drawn[0], drawn[2], atol=1 / 256)  # grey is rounded


def test_a_changed_file_is_another_data_set_and_a_moved_one_is_not(tmp_path):
    path = write(tmp_path / "mine.csv", REALS)
    first = user_file(path)
    path = path.rename(tmp_path / "other.csv").rename(path)
    assert repr(user_file(path)) == repr(first)
    write(path, REALS + 1)
    assert repr(user_file(path)) != repr(first)


def test_equal_rows_are_on_one_side_and_a_fifth_is_held_out():
    few = np.random.default_rng(3).integers(0, 12, (5_000, 2))
    pool = scan_rows(few, ("a", "b"), "few")
    assert not set(map(tuple, few[pool.train])) & set(map(tuple, few[pool.test]))
    assert 900 <= len(pool.test) <= 1000  # 144 rows that differ, 35 of each: filled up to the last one
    again = scan_rows(few[::-1], ("a", "b"), "few")
    np.testing.assert_array_equal(np.sort(4_999 - again.test), pool.test)


def test_constant_columns_are_dropped_with_a_warning(tmp_path):
    path = write(tmp_path / "mine.csv", np.insert(REALS[:, :2], 1, 7.0, 1))
    with pytest.warns(UserWarning, match=r"mine.csv: left out, for they are constant: b"):
        source = user_file(path)
    assert (source.max_dim, source.dropped) == (2, ("b",))


def test_columns_are_chosen_by_name(tmp_path):
    path = write(tmp_path / "mine.csv", REALS)
    source = user_file(path, ("c", "a"))
    assert source.max_dim == 2
    assert "mine.csv[c,a]" in repr(source)
    assert user_file(write(tmp_path / "mine.npy", REALS), ("2",)).max_dim == 1


def test_text_is_encoded_on_request(tmp_path):
    path = tmp_path / "mixed.csv"
    kinds = ["tcp", "udp", "icmp"]
    path.write_text("kind,size\n" + "".join(f"{kinds[i % 3]},{i}\n" for i in range(60)))
    with pytest.raises(
        InputError, match=r"column 'kind' holds text, 'tcp' in row 1: leave it out, or encode text"
    ):
        user_file(path)
    source = user_file(path, encode=True)
    assert source.max_dim == 2
    assert "encoded" in repr(source)
    with pytest.raises(InputError, match=r"mixed.csv has too few rows that differ: 0 of 60"):
        user_file(path, ("kind",), encode=True)


@pytest.mark.parametrize("text", ["1.5\n", "x\n1.5\n", "x;y\n1.5;2\n", "x\ty\r\n1.5\t2\r\n"])
def test_a_csv_of_any_delimiter_with_a_header_or_not(tmp_path, text):
    *header, row = text.splitlines()
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([*header, *(row.replace("1.5", f"{i}.5") + str(i) for i in range(20))]) + "\n")
    assert user_file(path).max_dim == row.count(";") + row.count("\t") + 1


def test_a_single_column_has_one_dimension(tmp_path):
    path = write(tmp_path / "one.csv", REALS[:, :1])
    assert user_file(path).sample(KEY, 1, 160, 40, "float32").train.shape == (160, 1)
    with pytest.raises(InputError, match=r"dim is 2: the largest of UserTable\(.*\) is 1"):
        user_file(path).check(2, 10, 10)
    with pytest.raises(
        InputError, match=r"161 training and 40 test rows asked for: .* has 160 and 40 at D = 1"
    ):
        user_file(path).check(1, 161, 40)


HEADER = b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"
PICKLED = b"\x93NUMPY\x01\x00F\x00" + HEADER.ljust(69) + b"\n"
ROWS = b"".join(b"%d,%d\n" % (i, i * i) for i in range(20))
ZIPPED = gzip.compress(idx(PIXELS, 8))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.csv", b"", r"mine.csv is empty"),
        ("mine.txt", b"1", r"mine.txt is none of .csv, .parquet, .npy, .npz, .idx, .idx.gz"),
        ("mine.csv", b"a,b\n1,2\n", r"mine.csv has 1 row\(s\): at least 10 are needed"),
        ("mine.csv", b"a,b\n", r"mine.csv has 0 rows"),
        ("mine.csv", b"a,b\n" + ROWS + b"1\n", r"no readable CSV: .*Expected 2 columns, got 1"),
        ("mine.csv", b"a,b\n" + ROWS + b"1,2,3\n", r"no readable CSV: .*Expected 2 columns, got 3"),
        ("mine.csv", b"a,b\n" + ROWS + b"x,2\n", r"column 'a' holds text, 'x' in row 21: correct it"),
        ("mine.csv", b"a,b\n" + ROWS + b",2\n", r"column 'a' has 1 missing value\(s\), the first in row 21"),
        (
            "mine.csv",
            b"a,b\n" + ROWS + b"nan,2\n",
            r"column 'a' has 1 missing value\(s\), the first in row 21",
        ),
        ("mine.csv", b"a,b\n" + ROWS + b"inf,2\n", r"column 'a' has inf in row 21"),
        ("mine.csv", b"a,a\n" + ROWS, r"two columns called 'a'"),
        ("mine.csv", b"a,b\n" + b"2020-01-01,1\n" * 20, r"column 'a' holds date32\[day\] values"),
        ("mine.csv", b"a,b\n" + b"1,2\n" * 20, r"mine.csv has too few rows that differ: 0 of 20"),
        ("mine.csv", b"\xff\xfe\x00" * 30, r"no readable CSV"),
        ("mine.parquet", b"PAR1" + bytes(40), r"no readable parquet file"),
        ("mine.npy", b"not an array", r"no readable array"),
        ("mine.npy", PICKLED, r"no readable array"),
        ("mine.npz", b"PK\x03\x04" + bytes(20), r"no readable file of arrays"),
        ("mine.idx", b"\0\0", r"no IDX file: it begins with 00 00"),
        ("mine.idx", b"GIF89a", r"no IDX file: it begins with 47 49 46 38"),
        ("mine.idx", idx(PIXELS, 8)[:-1], r"says 120×6×6 values, 4320 bytes, and holds 4319"),
        ("mine.idx", idx(PIXELS, 8) + b"\0", r"says 120×6×6 values, 4320 bytes, and holds 4321"),
        ("mine.idx", b"\0\0\x08\x03\0\0", r"ends within its header"),
        ("mine.idx.gz", ZIPPED[:-20], r"damaged gzip .*get the file again"),
        ("mine.idx.gz", ZIPPED[:30] + b"\xff" + ZIPPED[31:], r"damaged gzip .*get the file again"),
    ],
    ids=range(25),  # what is in the files is no name
)
def test_flaws_are_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        user_file(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((20, 2), "x"), r"holds <U1 values: they must be numbers"),
        (np.ones((20, 2), complex), r"holds complex128 values"),
        (np.array(1.0), r"holds a single number"),
        (np.zeros((20, 3, 4)), r"an array of 20×3×4: images are N×k×k"),
        (
            np.where(np.arange(60).reshape(20, 3) == 4, np.nan, 1.0),
            r"column '1' has a missing value in row 2",
        ),
        (np.zeros((9, 2)), r"has 9 row\(s\): at least 10"),
    ],
)
def test_arrays_that_are_no_rows(tmp_path, array, message):
    np.save(tmp_path / "mine.npy", array)
    with pytest.raises(InputError, match=message):
        user_file(tmp_path / "mine.npy")


def test_a_path_that_is_no_file_and_a_column_that_is_not_there(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=r"folder.csv is a folder: give a file"):
        user_file(tmp_path / "folder.csv")
    with pytest.raises(InputError, match=r"there is no file .*none.csv"):
        user_file(tmp_path / "none.csv")
    path = write(tmp_path / "mine.csv", REALS)
    with pytest.raises(InputError, match=r"mine.csv has no column 'd': it has a, b, c"):
        user_file(path, ("d",))
    np.savez(tmp_path / "two.npz", a=REALS, b=REALS)
    with pytest.raises(InputError, match=r"holds the arrays a, b: keep one, or call the rows x"):
        user_file(tmp_path / "two.npz")


@pytest.mark.parametrize("encode", [False, True])
def test_numbers_written_as_text_are_refused(tmp_path, encode):
    pd.DataFrame({"a": [str(i) for i in range(20)]}).to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(InputError, match=r"column 'a' holds numbers written as text"):
        user_file(tmp_path / "mine.parquet", encode=encode)


def test_a_file_that_changes_while_it_is_in_use_is_refused(tmp_path):
    source = user_file(write(tmp_path / "mine.csv", REALS))
    write(tmp_path / "mine.csv", REALS + 1)
    for _ in range(3):  # others push it out of memory
        user_file(write(tmp_path / f"other{_}.csv", REALS + _))
    with pytest.raises(InputError, match=r"mine.csv has changed since it was opened"):
        source.sample(KEY, 1, 10, 10, "float32")
