"""The report: one file that holds all that tables say, opens without a network and runs no text of theirs."""

import errno
import html
import json
import re

import numpy as np
import pandas as pd
import pytest
from browser import Browser, binary

from gscale import InputError
from gscale.analysis import summarise
from gscale.analysis.summary import slope_heading
from gscale.cli import main as cli
from gscale.figures.figure_kinds import describe
from gscale.figures.html.results_page import Results, write_report
from gscale.figures.render_matplotlib import draw_sweep, plot_sweeps
from gscale.figures.spec import MAX_POINTS, NOT_REACHED, thinned
from gscale.results import tables as store
from gscale.results.schema import FAILURE as FAILURE_FIELDS, SCHEMA, SCHEMA_VERSION

EVIL = "<script>document.title = 'taken'</script>%{x}"
SAMPLED = {"kind": "sampled", "training": '{"Layerwise":{}}', "n_samples": 50}
COUPLED = {"coupling": '{"LinearCoupling":{}}', "cell_id": "coupled"}
FAILURE = dict.fromkeys(FAILURE_FIELDS, "") | {
    "sweep": "s",
    "cell": "a <b>cell</b>",
    "error": "ValueError: x < 0",
    "traceback": "line <1>",
}


def rows_of(losses, dim, seed, **setting):
    """Rows of one curve, with all that a table has."""
    setting = {
        "schema": SCHEMA_VERSION, "sweep": "population", "cell_id": "exact", "kind": "population",
        "per_depth": False, "figure": None, "dataset": '{"Gaussian":{}}', "n_samples": None, "n_test": None,
        "rotation": '{"Haar":{}}', "marginal": '{"Moments":{}}', "coupling": None,
        "training": '{"Population":{}}', "dtype": "float64", "metric": "kl", "seconds_compile": 0.5,
        "side_by_side": False, "device": "cpu test", "jax": "0", "gscale": "0", "commit": "abc",
        "created": pd.Timestamp("2026-01-02", tz="UTC"), **setting,
    }  # fmt: skip
    setting["cell_id"] += f"-{dim}-{setting['n_samples']}"
    train = np.nan if setting["n_samples"] is None else losses - 0.01
    measured = {"n_layers": range(len(losses)), "loss_test": losses, "loss_train": train}
    rows = pd.DataFrame({**setting, **measured, "seconds": np.arange(len(losses)) / 100})
    return rows.assign(dim=dim, seed=seed)[SCHEMA.names]


def falling(dim, seed, n_layers, start=1.0):
    return start * np.exp(-np.arange(n_layers + 1) / (dim / 2 + 1 + 0.05 * seed))


def tables():
    """Sweeps of every kind: exact by D, rivals with a coupling, several N, distances; some end early."""
    for dim in (4, 8, 16):
        for seed in (0, 1):
            yield rows_of(falling(dim, seed, 4 * dim), dim, seed)
            couplings = {**SAMPLED, "sweep": "couplings", "figure": "comparison"}
            yield rows_of(falling(dim, seed, 7), dim, seed, cell_id="a", **couplings)
            yield rows_of(falling(4, seed, 10, dim / 10), dim, seed, **couplings, **COUPLED)
    for n_samples in (100, 1000):
        for seed in (0, 1):
            losses = falling(8, seed, 20) + np.arange(21) / n_samples
            turning = {**SAMPLED, "sweep": "turning", "figure": "sample_size", "n_samples": n_samples}
            turning["dataset"] = json.dumps({EVIL: {}})
            yield rows_of(losses, 8, seed, cell_id="n", **turning)
            distances = np.array([0.1, (8 / n_samples) ** 0.5 + seed / 100])
            noise = {"sweep": "noise", "figure": "projections", "kind": "projections", "metric": "w2"}
            noise |= {"n_samples": n_samples, "training": '{"Projections":{}}'}
            yield rows_of(distances, 8, seed, cell_id="w", **noise)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    table = pd.concat(tables()).astype({"n_samples": "Int64", "n_test": "Int64"})
    for (sweep, cell), rows in table.groupby(["sweep", "cell_id"]):
        (folder / sweep).mkdir(exist_ok=True)
        store.write_cell(folder / sweep, cell, rows)
    store.write_failure(folder / "population", "0", FAILURE)
    return folder


def results_of(folder):
    return Results(store.read_tables(folder), store.read_histograms(folder), store.read_failures(folder))


def written(folder, path):
    return write_report(results_of(folder), path, {"population": "said of it"}, "some results")


@pytest.fixture(scope="module")
def path(folder, tmp_path_factory):
    return written(folder, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def own(path):
    """The page without plotly.js."""
    first, _, last = re.split(
        r"<script>/\*\*|</script>\n<script>\"use|</script>\n<script>//", path.read_text()
    )
    return first + last


def figures_of(page):
    return [json.loads(data) for data in re.findall(r'application/json">(.*?)</script>', page, re.DOTALL)]


def test_the_file_is_small_and_needs_nothing_else(path, own):
    assert path.stat().st_size < 8e6
    assert path.read_text().count("plotly.js v") == 1
    assert not re.search(r"(src|href|url|action)\s*[=(]\s*[\"']?\s*(https?:)?//", own)
    assert not re.search(
        r"\bfetch\(|XMLHttpRequest|@import|import\(|<link(?! rel=\"icon\" href=\"data:,\")", own
    )
    assert "default-src 'none'" in own


def test_every_section_and_every_slope_is_there(folder, own):
    titles = re.findall(r"<h2>(.*?)</h2>", own)
    assert titles == [
        *("What was run, and where", "Slopes", "Where couplings cross", "Layers that N rows bear"),
        *("Distances of projections", "Sweep: couplings", "Sweep: noise", "Sweep: population"),
        *("Sweep: turning", "Targets not reached", "Cells that failed"),
    ]
    found = summarise(store.read_tables(folder)).slopes
    assert len(found) >= 4
    for slope in found:
        assert f"<span>{html.escape(slope_heading(slope))}</span>" in own
        assert np.isnan(slope.fit.slope.value) or str(slope.fit.slope).replace("-0.00000", "0.00000") in own
    for said in (
        "said of it.",
        "cpu test",
        "abc",
        "2026-01-02",
        "4 sweeps, 13 cells",
    ):
        assert said in own
    figures = figures_of(own)
    # distances; losses and layers against D and against N; three measures, and losses at three D
    assert len(figures) == 1 + 2 + 2 + (3 + 3)
    assert {figure["x"]["label"] for figure in figures} == {"layers", "dimension D", "rows N", "D/N"}
    names = [series["name"] for figure in figures for series in figure["series"]]
    assert any(
        name.startswith("Haar + LinearCoupling + Moments crosses Haar + Moments at D") for name in names
    )
    assert any(name.startswith("theory") for name in names)


def test_texts_of_tables_are_texts(own):
    assert "<script>document" not in own
    assert "&lt;script&gt;document" in own
    assert "a <b>cell</b>" not in own
    assert any(EVIL in figure["title"] for figure in figures_of(own))


def test_failed_cells_and_censored_seeds_are_told(own):
    assert "1 more failed." in own
    assert "s: a &lt;b&gt;cell&lt;/b&gt;</b><br>ValueError: x &lt; 0" in own
    assert "<pre>line &lt;1&gt;</pre>" in own
    censored = own.split('<section id="missed">')[1].split("</section>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", censored)
    assert cells == ["e", "16", "2 of 2 seeds", "7"]


def test_the_same_tables_give_the_same_file(folder, path, tmp_path):
    assert written(folder, tmp_path / "again.html").read_bytes() == path.read_bytes()


def test_matplotlib_draws_the_same_panels_as_the_page(folder, own, tmp_path):
    table = store.read_tables(folder)
    drawn = [draw_sweep(rows, "title") for _, rows in table.groupby("sweep")]
    titles = [axes.get_title().replace("\n", " ") for figure in drawn for axes in figure.axes]
    assert titles == [" ".join(figure["title"].split()) for figure in figures_of(own)]
    sweep = table["sweep"].iloc[0]
    one = table[table["sweep"] == sweep]
    paths = [plot_sweeps(one, tmp_path / name, {}) for name in ("once", "again")]
    assert [path.stem for path in paths[0]] == [sweep]
    for suffix in (".png", ".svg"):
        once, again = ([path.with_suffix(suffix).read_bytes() for path in some] for some in paths)
        assert once == again


@pytest.mark.parametrize("asked", [None, "unknown"])
def test_a_table_that_asks_for_no_figure_is_drawn_against_its_dimensions(folder, asked):
    table = store.read_tables(folder / "couplings")
    known, other = (describe(table.assign(figure=name), None, 10) for name in ("scaling", asked))
    assert [[panel.title for panel in row] for row in known] == [
        [panel.title for panel in row] for row in other
    ]
    assert {panel.x.label for row in other for panel in row} == {"layers", "dimension D"}


def test_seeds_that_missed_a_target_are_marked(folder):
    panels = [panel for row in describe(store.read_tables(folder / "couplings"), None, 10) for panel in row]
    marks = [one for panel in panels for one in panel.series if one.symbol == NOT_REACHED]
    assert [(one.x.tolist(), one.y.tolist()) for one in marks] == [([16.0], [7.0]), ([16.0], [0.07])]


def test_curves_are_thinned():
    for length in (1, 2, MAX_POINTS, 5000):
        at = thinned(length)
        assert len(at) <= MAX_POINTS
        assert (at[0], at[-1]) == (0, length - 1)
        assert (np.diff(at) > 0).all()


def test_places_that_cannot_be_written_are_told(folder, tmp_path):
    for out, message in (
        (tmp_path, "is a folder: give a file such as"),
        (tmp_path / "none" / "r.html", "none is no folder: make it"),
        ("/proc/r.html", "cannot write /proc/r.html"),
    ):
        with pytest.raises(InputError, match=message):
            write_report(results_of(folder), type(tmp_path)(out), {}, "t")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(folder, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        written(folder, tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_the_command(folder, tmp_path, capsys):
    def command(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(["report", *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out.strip(), captured.err

    assert command(folder) == (0, str(folder / "report.html"), "")
    (folder / "report.html").unlink()
    for arguments, message in (
        ((tmp_path / "none",), "is no folder"),
        ((tmp_path,), "holds no results"),
        ((folder, "--out", tmp_path), "is a folder"),
    ):
        code, out, err = command(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def browser(path, tmp_path_factory):
    if binary() is None:
        pytest.skip("there is no Chromium on this machine")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    opened.show(1280, "light")
    opened.open(path)
    yield opened
    opened.close()


DRAWN = """
[...document.querySelectorAll(".plot")].map((plot) =>
  plot.querySelector(".main-svg") ? plot.querySelectorAll(".scatterlayer .trace").length : 0)
"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# a marker's colour is of no use to a line, and no fault
FAULTS = """
[...states.values()].flatMap((s) => Plotly.validate(traces(s.figure, s.hidden), layout(s)) || [])
  .filter((fault) => fault.code !== "unused")
"""
COLOURS = """
["body", ".xtick text"].map((name) => getComputedStyle(document.querySelector(name)))
  .map((style, i) => (i ? style.fill : style.color))
"""
CLIPPED = """
[...document.querySelectorAll(".plot")].filter((plot) => {
  const box = plot.getBoundingClientRect();
  return [...plot.querySelectorAll(".xtick text, .ytick text, .xtitle, .ytitle")].some((text) => {
    const b = text.getBoundingClientRect();
    if (!b.width) return false;
    return b.left < box.left - 1 || b.right > box.right + 1 || b.bottom > box.bottom + 1;
  });
}).map((plot) => plot.id)
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_draws_every_figure(browser, own, width, scheme):
    browser.show(width, scheme)
    browser.evaluate("drawAll().then(() => null)")
    browser.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    drawn = browser.evaluate(DRAWN)
    assert len(drawn) == len(figures_of(own))
    assert all(drawn)
    assert browser.evaluate(FAULTS) == []
    assert browser.evaluate(OVERFLOW) <= 0
    assert browser.evaluate(CLIPPED) == []
    text = {"light": "rgb(29, 31, 35)", "dark": "rgb(230, 232, 235)"}[scheme]
    assert browser.evaluate(COLOURS) == [text, text]
    assert browser.evaluate("document.title") == "some results: gscale report"
    problems = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    assert not [event for event in browser.events if event["method"] in problems]
    asked = [
        e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"
    ]
    assert {url.split(":")[0] for url in asked} <= {"file", "data", "blob"}
    assert sum(url.startswith("file:") for url in asked) == 1


def test_a_click_hides_a_series_and_another_shows_it(browser):
    browser.evaluate("drawAll().then(() => null)")
    count = "document.querySelectorAll('.plot .scatterlayer .trace').length"
    before = browser.evaluate(count)
    browser.click(".legend button")
    assert browser.evaluate(count) < before
    assert browser.evaluate("document.querySelector('.legend button').ariaPressed") == "false"
    browser.click(".legend button")
    assert browser.evaluate(count) == before


def test_a_click_makes_an_axis_logarithmic(browser):
    browser.evaluate("drawAll().then(() => null)")
    kind = "document.querySelector('.plot')._fullLayout.yaxis.type"
    before = browser.evaluate(kind)
    browser.click(".buttons button[data-axis=y]")
    assert {before, browser.evaluate(kind)} == {"linear", "log"}
    browser.click(".buttons button[data-axis=y]")
    assert browser.evaluate(kind) == before
