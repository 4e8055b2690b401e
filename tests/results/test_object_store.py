"""Results in an object store: a local server of S3's protocol that refuses one write in ten."""

import threading
from pathlib import Path

import pandas as pd
import pytest

from gscale.results import tables
from gscale.results.files import folder_named

pytest.importorskip("s3fs", reason="the extra s3 is not installed")
pytest.importorskip("upath", reason="the extra s3 is not installed")
moto = pytest.importorskip("moto.moto_server.werkzeug_app", reason="moto[server] is not installed")
FORTY = str(Path(__file__).parents[1] / "scripts" / "kills_sweep.py")
# They are about the insides of the libraries of the store and of its double.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Failing:
    """A server that refuses every n-th write of an object."""

    def __init__(self):
        self.inner = moto.DomainDispatcherApplication(moto.create_backend_app)
        self.every, self.puts, self.refused = 10, 0, 0

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].strip("/").count("/"):
            self.puts += 1
            if self.puts % self.every == 0:
                self.refused += 1
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response("400 Bad Request", [("Content-Type", "application/xml")])
                return [b"<Error><Code>Injected</Code><Message>refused</Message></Error>"]
        return self.inner(environ, start_response)


@pytest.fixture(scope="module")
def failing():
    """One server for all tests: who asks it keeps its address."""
    from werkzeug.serving import make_server

    app = Failing()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "testing")
        folder_named("s3://bucket").mkdir()
        yield app
    server.shutdown()
    thread.join()


def test_a_store_that_refuses_one_write_in_ten(gscale, failing):
    assert gscale("run", FORTY, "--out", "here")[0] == 0
    code, out, err = gscale("run", FORTY, "--out", "s3://bucket/results")
    assert (code, "40 cells run, 0 there already, 0 failed" in out) == (0, True), err
    assert failing.refused >= 4
    tables = [tables.read_tables(folder) for folder in (Path("here"), folder_named("s3://bucket/results"))]
    losses = [table[["cell_id", "seed", "n_layers", "loss_train", "loss_test"]] for table in tables]
    pd.testing.assert_frame_equal(*losses, check_exact=True)
    assert "0 cells run, 40 there already" in gscale("run", FORTY, "--out", "s3://bucket/results")[1]
    assert "kills: 40 done, 0 failed, 0 missing" in gscale("status", "s3://bucket/results")[1]
    assert gscale("merge", "s3://bucket/results", "here", "--out", "both")[1] == "40 cells in both\n"


def test_a_store_that_refuses_all(gscale, failing, monkeypatch):
    monkeypatch.setattr("gscale.results.files._PAUSES", (0.0, 0.0))
    monkeypatch.setattr(failing, "every", 1)
    code, _, err = gscale("run", FORTY, "--out", "s3://bucket/results")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot write to s3://bucket/results/kills" in err
