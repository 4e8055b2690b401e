"""Fetched sets: downloads that fail in every way, and every loader on a small file in the true format."""

import dataclasses
import gzip
import hashlib
import io
import pickle
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import h5py
import jax
import numpy as np
import pandas as pd
import pytest
from test_user_files import idx

from gscale import InputError, data
from gscale.data.cards import Card, File, Size
from gscale.data.downloads.cache import copy_files, fetch_files
from gscale.data.downloads.pandas_pickle import read_frame
from gscale.data.registry import sources

KEY = jax.random.key(0)
SHARED = Path(__file__).parents[3] / "shared" / "data"
RNG = np.random.default_rng(0)
CONTENT = RNG.bytes(3_000_000)
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


class Flawed(BaseHTTPRequestHandler):
    """A server of CONTENT; the path says what goes wrong, and ``asked`` what ranges were asked for."""

    asked: ClassVar[list] = []

    def do_GET(self):
        start = int((self.headers["Range"] or "bytes=0-")[6:-1])
        type(self).asked.append((self.path, start))
        if self.path == "/missing":
            self.send_error(404)
            return
        content = CONTENT[:-1] + b"x" if self.path == "/wrong" else CONTENT
        if self.path == "/whole":
            start = 0
        elif start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        ends = start + 2_000_000 if self.path == "/ends" else len(content)
        self.wfile.write(content[start:ends])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Flawed) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GSCALE_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Flawed.asked.clear()
    return tmp_path / "cache"


def card(url, checksum=MD5, folder="set", name="file.bin"):
    return Card("a-set", "", 1, 1, Size(1, 0, 1), "", "", "", "", folder, (File(name, url, checksum),))


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_is_fetched_once(server, folder):
    for _ in range(2):
        assert fetch_files(card(f"{server}/good"))[0].read_bytes() == CONTENT
    assert (names(folder), len(Flawed.asked)) == (["file.bin"], 1)


def test_a_download_goes_on_where_it_stopped(server, folder):
    with pytest.raises(InputError, match=r"it ended early; the next download goes on from there"):
        fetch_files(card(f"{server}/ends"))
    assert names(folder) == [".file.bin.partial"]
    seen = []
    path = fetch_files(card(f"{server}/ends"), lambda done, total: seen.append((done, total)))[0]
    assert path.read_bytes() == CONTENT
    assert 1_900_000 < Flawed.asked[1][1] <= 2_000_000
    assert seen[-1] == (3_000_000, 3_000_000)
    assert names(folder) == ["file.bin"]


@pytest.mark.parametrize("size", [10, 3_000_000, 4_000_000])
@pytest.mark.parametrize("path", ["good", "whole"])
def test_what_cannot_be_gone_on_from_begins_anew(server, folder, path, size):
    """A server without ranges, and a part that is as long as the file or longer."""
    partial = folder / "set" / ".file.bin.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[:size].ljust(size, b"x"))
    assert fetch_files(card(f"{server}/{path}"))[0].read_bytes() == CONTENT
    assert names(folder) == ["file.bin"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("wrong", r"/wrong has not the checksum md5:\w+ and was deleted: put file.bin into .*"),
        (
            "missing",
            r"cannot fetch http.*/missing \(status 404\): try again, or put file.bin into .*/set, or run ",
        ),
    ],
)
def test_a_download_that_fails_leaves_nothing(server, folder, path, message):
    with pytest.raises(InputError, match=message) as raised:
        fetch_files(card(f"{server}/{path}"))
    assert "\n" not in str(raised.value)
    assert names(folder) == []


def test_offline_is_one_line_with_the_way_out(folder, gscale, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    code, _, err = gscale("data", "fetch", "mnist-test")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot fetch https://ossci-datasets" in err
    assert f"(no connection): try again, or put t10k-images-idx3-ubyte.gz into {folder}/mnist, or run " in err


def test_a_cache_that_cannot_be_written_is_one_line(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GSCALE_DATA", str(tmp_path / "file"))
    with pytest.raises(
        InputError, match=r"cannot write .*file.bin: Not a directory; set GSCALE_DATA to a folder"
    ):
        fetch_files(card(f"{server}/good"))
    (tmp_path / "file.bin").write_bytes(CONTENT)
    with pytest.raises(InputError, match=r"cannot write .*: Not a directory"):
        copy_files(card(f"{server}/good"), tmp_path)


def test_files_are_taken_from_a_folder(folder, tmp_path):
    (tmp_path / "file.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(
        InputError, match=r"file.bin has not the checksum md5:\w+ published for a-set: get it again"
    ):
        copy_files(card("http://nowhere"), tmp_path)
    assert names(folder) == []
    (tmp_path / "file.bin").write_bytes(CONTENT)
    copy_files(card("http://nowhere"), tmp_path)
    assert fetch_files(card("http://nowhere"))[0].read_bytes() == CONTENT
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no file file.bin of a-set; it is fetched from http://nowhere"):
        copy_files(card("http://nowhere"), tmp_path / "empty")
    with pytest.raises(InputError, match=r"none is no folder"):
        copy_files(card("http://nowhere"), tmp_path / "none")


@pytest.mark.usefixtures("folder")
def test_a_file_that_changes_is_refused(server):
    """By the published checksum, or by that of the first download."""
    for checksum in (MD5, None):
        path = fetch_files(card(f"{server}/good", checksum, folder=str(checksum)[:3]))[0]
        path.write_bytes(CONTENT[:-1])
        with pytest.raises(InputError, match=r"file.bin has not the checksum (md5|sha256):\w+: delete it"):
            fetch_files(card(f"{server}/good", checksum, folder=str(checksum)[:3]))
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"file.bin is a folder, and should be a file of a-set"):
        fetch_files(card(f"{server}/good", None, folder="Non"))


def test_a_gzip_packed_anew_fits_by_its_content(folder):
    file = File("file.bin", "", MD5.replace("md5:", "md5:0"), "", MD5)
    path = folder / "set" / "file.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(CONTENT, 1))
    of_content = dataclasses.replace(card(""), files=(file,))
    assert fetch_files(of_content) == [path]
    path.write_bytes(gzip.compress(CONTENT, 1)[:-9])
    with pytest.raises(InputError, match="has not the checksum"):
        fetch_files(of_content)


def tarred(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, file in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(file)
            archive.addfile(member, io.BytesIO(file))
    return content.getvalue()


def saved(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


DIGITS = RNG.integers(0, 256, (60, 28, 28), np.uint8)
GZIPPED = [gzip.compress(idx(part, 8)) for part in (DIGITS[:45], DIGITS[45:])]


def zipped(part):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for of, file in zip(("train", "test"), GZIPPED, strict=True):
            archive.writestr(f"gzip/emnist-{part}-{of}-images-idx3-ubyte.gz", file)
    return content.getvalue()


def cifar():
    records = RNG.integers(0, 256, (6, 8, 3073), np.uint8)
    batches = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return tarred(
        {f"cifar-10-batches-bin/{b}.bin": part.tobytes() for b, part in zip(batches, records, strict=True)}
    )


def gas():
    """Sixteen sensors, the first eight nearly those of the last eight: a frame as pandas writes it."""
    true = RNG.normal(size=(200, 8))
    sensors = np.concatenate([true + 1e-3 * RNG.normal(size=true.shape), true], 1)
    frame = np.concatenate([RNG.normal(size=(200, 3)), sensors], 1)
    columns = pd.Index(["Time", "Meth", "Eth", *(f"R{i}" for i in range(16))], dtype=object)
    return pickle.dumps(pd.DataFrame(frame, columns=columns))


def hepmass(n, tail):
    """A class, 21 measures, a column with a value that comes back; in the test file one column more."""
    rows = np.concatenate([np.arange(n)[:, None] % 2, RNG.normal(size=(n, 21)), np.ones((n, 1))], 1)
    rows = np.concatenate([rows, np.zeros((n, tail))], 1)
    header = ",".join(["# label", *(f"f{i}" for i in range(rows.shape[1] - 1))])
    return (header + "\n" + "\n".join(",".join(map(repr, map(float, row))) for row in rows)).encode()


def sessions(n, header=False, tail=",normal,20"):
    """Sessions with numbers below 50, of which column 20, num_outbound_cmds, is 0."""
    numbers = RNG.integers(0, 50, (n, 38))
    numbers[:, 16] = 0
    lines = [
        ",".join(
            map(
                str,
                [row[0], ("tcp", "udp")[i % 2], ("http", "ftp")[i % 3 % 2], ("SF", "S0")[i % 2], *row[1:]],
            )
        )
        + tail
        for i, row in enumerate(numbers)
    ]
    return "\n".join([*(["duration,protocol_type,and,so,on"] if header else []), *lines, ""]).encode()


SMALL = {
    "MNIST": lambda: GZIPPED,
    "MNISTTest": lambda: GZIPPED[:1],
    "FashionMNIST": lambda: GZIPPED,
    "EMNISTDigits": lambda: [zipped("digits")],
    "EMNISTLetters": lambda: [zipped("letters")],
    "CIFAR10": lambda: [cifar()],
    "Power": lambda: [tarred({"data/power/data.npy": saved(RNG.normal(size=(100, 8)))})],
    "Gas": lambda: [tarred({"data/gas/ethylene_CO.pickle": gas()})],
    "Hepmass": lambda: [
        tarred({"data/hepmass/1000_train.csv": hepmass(80, 0), "data/hepmass/1000_test.csv": hepmass(40, 1)})
    ],
    "Miniboone": lambda: [tarred({"data/miniboone/data.npy": saved(RNG.normal(size=(100, 43)))})],
    "KDDCup99": lambda: [gzip.compress(sessions(60, tail=",normal."))],
    "NSLKDD": lambda: [sessions(60), sessions(30, header=True)],
    "NSLKDDTest": lambda: [sessions(60, header=True)],
    "Covertype": lambda: [
        gzip.compress("\n".join(",".join(map(str, row)) for row in RNG.integers(0, 99, (60, 55))).encode())
    ],
    "CaliforniaHousing": lambda: [
        tarred(
            {
                "CaliforniaHousing/cal_housing.data": "\n".join(
                    ",".join(map(str, row)) for row in RNG.uniform(1, 9, (60, 9))
                ).encode()
            }
        )
    ],
}


def small(name, folder):
    """A source of that name whose files are small ones made here, on disk."""
    source = getattr(data, name)
    files = tuple(dataclasses.replace(file, checksum=None, content=None) for file in source.card.files)
    for file, content in zip(files, SMALL[name](), strict=True):
        path = folder / source.card.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    of_small = dataclasses.replace(source.card, files=files, about=str(folder))
    return type(name, (source,), {"card": of_small})()


@pytest.mark.parametrize("name", sorted(SMALL))
def test_loaders_read_the_true_format(folder, name):
    source = small(name, folder)
    pool = source.pool
    assert int(np.prod(pool.rows.shape[1:])) == source.card.features
    whole = pool.rows.reshape(len(pool.rows), -1)
    assert not set(map(tuple, whole[pool.train])) & set(map(tuple, whole[pool.test]))
    assert len(pool.train) + len(pool.test) == len(whole)
    dim = source.max_dim
    rows = source.sample(KEY, dim, 20, 5, "float32")
    assert rows.train.shape == (20, dim)
    assert np.isfinite(rows.train).all()
    with pytest.raises(InputError, match=r"training and 5 test rows asked for"):
        source.sample(KEY, dim, 1_000, 5, "float32")


@pytest.mark.parametrize(
    ("name", "n_test"), [("MNIST", 15), ("EMNISTDigits", 15), ("NSLKDD", 30), ("CIFAR10", 8), ("Hepmass", 20)]
)
def test_published_test_rows_are_kept(folder, name, n_test):
    pool = small(name, folder).pool
    np.testing.assert_array_equal(pool.test, np.arange(len(pool.rows) - n_test, len(pool.rows)))


def test_emnist_is_upright_and_cifar_is_grey(folder):
    np.testing.assert_array_equal(small("EMNISTLetters", folder).pool.rows[0], DIGITS[0].T)
    pixels = small("CIFAR10", folder).pool.rows
    assert pixels.dtype == np.uint8
    assert 100 < pixels.mean() < 155


def test_preprocessing_of_the_literature(folder):
    gas_columns = small("Gas", folder).pool.rows
    assert gas_columns.shape == (200, 8)  # the second half: of two alike the earlier is dropped
    assert (np.corrcoef(gas_columns.T) - np.eye(8)).max() < 0.98
    power = small("Power", folder).pool
    raw = np.load(folder / "maf" / "power-data.npy")
    order = np.argsort(np.random.RandomState(42).permutation(100))
    # shuffled and without two columns; the last column got no noise, the voltage less than 0.01
    np.testing.assert_array_equal(power.rows[order][:, 5], raw[:, 7])
    assert (power.rows[order][:, 1] - raw[:, 2] >= 0).all()
    assert (power.rows[order][:, 1] - raw[:, 2] < 0.01).all()


def test_text_becomes_its_place(folder):
    pool = small("NSLKDDTest", folder).pool
    assert set(pool.rows[:, 1]) == {0, 1}
    assert pool.integer[1]


def test_a_pickle_that_asks_for_more_is_refused(tmp_path):
    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(InputError, match=r"no readable pickle of a table \(it asks for builtins.print\)"):
        read_frame(path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(InputError, match=r"holds no table of numbers"):
        read_frame(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("CIFAR10", cifar()[:500], r"is a damaged archive"),
        ("CIFAR10", tarred({"other": b"x"}), r"lacks data_batch_1.bin"),
        ("Power", tarred({"other": b"x"}), r"lacks power/data.npy"),
        ("Power", tarred({"power/data.npy": b"x"}), r"is no readable array"),
        (
            "Miniboone",
            tarred({"miniboone/data.npy": saved(np.ones((40, 3)))}),
            r"40×3: 43 values a row are due",
        ),
        ("Power", b"no archive", r"is a damaged archive"),
        ("EMNISTDigits", b"no archive", r"is no EMNIST archive"),
        ("MNISTTest", gzip.compress(idx(DIGITS[:, :20], 8)), r"60×20×28: 784 values a row are due"),
        ("NSLKDDTest", b"1,2,3\n", r"has 3 columns: network sessions have 41, a label"),
        ("Covertype", gzip.compress(b"1,2\n")[:-4], r"cannot read .*covtype.data.gz"),
    ],
    # Without names of their own they would be named by their bytes, which hold the second of their packing.
    ids=lambda value: "content" if isinstance(value, bytes) else None,
)
def test_damaged_sets_are_one_line(folder, monkeypatch, name, content, message):
    monkeypatch.setitem(SMALL, name, lambda: [content])
    with pytest.raises(InputError, match=message) as raised:
        _ = small(name, folder).pool
    assert "\n" not in str(raised.value)
    assert not [name for name in names(folder) if name.endswith(".tmp")]


def test_bsds300(folder, monkeypatch):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for part, n in (("train", 50), ("validation", 10), ("test", 20)):
            file[part] = RNG.normal(size=(n, 63))
    monkeypatch.setitem(SMALL, "BSDS300", lambda: [tarred({"data/BSDS300/BSDS300.hdf5": content.getvalue()})])
    assert (len(small("BSDS300", folder).pool.train), len(small("BSDS300", folder).pool.test)) == (60, 20)


@pytest.mark.usefixtures("folder")
def test_every_set_is_listed_and_told(gscale):
    code, out, _ = gscale("data", "list")
    assert code == 0
    for name, source in sources().items():
        line = next(line for line in out.splitlines() if re.match(rf" {name}\b(?!-)", line))
        assert f"{source.card.rows:,}" in line
        told = gscale("data", "info", name)[1]
        assert all(what in told for what in ("licence", "cite", "largest D", repr(source)))
        for file in source.card.files:
            assert file.url in told
            assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", file.checksum or f"md5:{'0' * 32}")
            assert bool(file.checksum) == bool(file.published)
    assert "there is no data set 'mnst': it is one of patches, digits" in gscale("data", "info", "mnst")[2]
    assert "nothing to fetch" in gscale("data", "fetch", "wine")[1]


@pytest.mark.usefixtures("folder")
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not beside the checkout")
def test_mnist_and_nsl_kdd_as_published(gscale):
    assert gscale("data", "fetch", "mnist-test", "--from", SHARED)[0] == 0
    assert gscale("data", "fetch", "nsl-kdd-test", "--from", SHARED)[0] == 0
    for source in (data.MNISTTest(), data.NSLKDDTest()):
        assert (len(source.pool.train), len(source.pool.test)) == source.size[:2]
        whole = source.pool.rows.reshape(len(source.pool.rows), -1)
        train, test = (
            {row.tobytes() for row in whole[part]} for part in (source.pool.train, source.pool.test)
        )
        assert not train & test
    rows = data.MNISTTest().sample(KEY, 784, 100, 50, "float64")
    assert 33 / 256 < rows.train.mean() < 37 / 256  # MNIST's mean grey is 33.3 of 255, its test digits' 33.8
    assert "yes" in next(line for line in gscale("data", "list")[1].splitlines() if " mnist-test" in line)
