"""Rooms depend on each other in one direction only."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "gscale"

# What each room may import of the package.
FOUNDATION = {"gscale.errors"}
MODEL = FOUNDATION | {"gscale.metrics"}
TOYS = ("bananas", "plane", "radial", "toys")
DATA = MODEL | {
    f"gscale.data.{name}"
    for name in ("source", "cuts", "fetched", "gaussian", "images", "own", "shipped", *TOYS)
}
FETCHED = {f"gscale.data.{name}" for name in ("card", "cuts", "fetched.archives", "fetched.base", "tables")}
THEORY = ("finite", "gain", "population", "rates", "scales", "spurious", "whitening")
REPORT = {f"gscale.bench.{name}" for name in ("report.figure", "scaling", "store")}
ESTIMATORS = {f"gscale.estimators.{name}" for name in ("columns", "encoder", "flows", "tables")} | {
    "gscale.estimators"
}
ALLOWED = {
    "errors": set(),
    "metrics": FOUNDATION,
    "blocks": set(),
    "parameters": set(),
    "threads": set(),
    "compiled": set(),
    "optimise": FOUNDATION,
    "checkpoint": FOUNDATION,
    "elementwise": {"gscale.bijections.constraints"},
    "rotations": FOUNDATION | {"gscale.bijections.constraints"},
    "counting": FOUNDATION | {"gscale.bijections.batching", "gscale.bijections.elementwise"},
    "marginals": FOUNDATION | {"gscale.bijections.histogram_quantiles", "gscale.bijections.elementwise"},
    "mixture": FOUNDATION | {"gscale.bijections.marginals"},
    "frames": {"gscale.bijections.elementwise", "gscale.bijections.rotations"},
    "learned": FOUNDATION | {f"gscale.{name}" for name in ("frames", "marginals", "optimise", "rotations")},
    "conditioner": FOUNDATION,
    "transformer": FOUNDATION | {"gscale.bijections.elementwise", "gscale.bijections.constraints"},
    "coupling": FOUNDATION
    | {f"gscale.{name}" for name in ("conditioner", "elementwise", "marginals", "optimise", "transformer")},
    "theory.precision": set(),
    "theory.rates": set(),
    "theory.finite": FOUNDATION | {"gscale.bijections.marginals"},
    "theory.gain": {"gscale.theory.float64"},
    "theory.population": MODEL | {"gscale.theory.float64"},
    "theory.scales": FOUNDATION | {"gscale.theory.float64"},
    "theory.spurious": FOUNDATION | {"gscale.bijections.stiefel", "gscale.bijections.rotations"},
    "theory.whitening": FOUNDATION | {"gscale.bijections.coupling", "gscale.theory.float64"},
    "theory": {f"gscale.theory.{name}" for name in THEORY},
    "data.source": FOUNDATION,
    "data.gaussian": MODEL | {"gscale.data.base"},
    "data.cuts": FOUNDATION,
    "data.exact": {"gscale.data.base"},
    "data.bananas": MODEL | {"gscale.data.synthetic.base"},
    "data.radial": FOUNDATION | {"gscale.data.synthetic.base"},
    "data.plane": FOUNDATION | {"gscale.data.synthetic.base", "gscale.data.base"},
    "data.idx": FOUNDATION,
    "data.chunks": FOUNDATION,
    "data.reading": FOUNDATION | {"gscale.data.idx"},
    "data.rows": FOUNDATION,
    "data.tables": FOUNDATION | {f"gscale.data.{name}" for name in ("cuts", "rows", "source")},
    "data.images": FOUNDATION | {"gscale.data.reductions", "gscale.data.base"},
    "data.card": set(),
    "data.cache": FOUNDATION | {"gscale.data.downloads.card"},
    "data.fetched.frames": FOUNDATION,
    "data.fetched.archives": FOUNDATION,
    "data.fetched.base": FOUNDATION | {f"gscale.data.{name}" for name in ("cache", "card", "rows", "tables")},
    "data.fetched.images": FOUNDATION | FETCHED | {"gscale.data.idx"},
    "data.fetched.literature": FOUNDATION | FETCHED | {"gscale.data.downloads.pandas_pickle"},
    "data.fetched.tables": FOUNDATION | FETCHED | {"gscale.data.readers"},
    "data.fetched": {f"gscale.data.downloads.{name}" for name in ("images", "literature", "tables")},
    "data.catalogue": FOUNDATION
    | {f"gscale.data.{name}" for name in ("card", "fetched", "images", "shipped", "source")},
    "cli_data": FOUNDATION
    | {"gscale.data.flow_distribution", "gscale.flows.serialisation"}
    | {f"gscale.data.{name}" for name in ("cache", "card", "catalogue", "own", "source")},
    "data.own": FOUNDATION | {f"gscale.data.{name}" for name in ("cuts", "reading", "rows", "tables")},
    "data.shipped": {f"gscale.data.{name}" for name in ("cuts", "rows", "tables")},
    "data.toys": MODEL | {"gscale.data.base"},
    "data": DATA,
    "flow": MODEL | {"gscale.bijections.batching", "gscale.bijections.rotations", "gscale.bijections.marginals", "gscale.data"},
    "stopping": FOUNDATION | {"gscale.flows.flow"},
    "train": MODEL | {"gscale.bijections.batching", "gscale.flows.flow", "gscale.flows.stopping", "gscale.data.base"},
    "scratch": FOUNDATION | {"gscale.bijections.histogram_quantiles"},
    "devices": FOUNDATION,
    "sharded": MODEL | {f"gscale.{name}" for name in ("blocks", "counting", "data.source", "flow", "train")},
    "chunked": MODEL
    | {
        f"gscale.{name}"
        for name in ("blocks", "counting", "data.chunks", "data.source", "flow", "scratch", "train")
    },
    "end_to_end": MODEL | {"gscale.data.base", "gscale.flows.flow", "gscale.bijections.optimizer", "gscale.bijections.constraints"},
    "saved": FOUNDATION | {"gscale.flows.flow"},
    "estimators.tables": FOUNDATION,
    "estimators.columns": FOUNDATION,
    "estimators.encoder": FOUNDATION | ESTIMATORS | {"gscale.data.row_pool"},
    "estimators.flows": FOUNDATION
    | {
        f"gscale.{name}"
        for name in ("blocks", "flow", "frames", "marginals", "rotations", "stopping", "train")
    },
    "estimators.gaussianity": FOUNDATION | {"gscale.estimators.flow_fitting", "gscale.flows.flow"},
    "estimators.density": FOUNDATION
    | ESTIMATORS
    | {"gscale.estimators.gaussianity", "gscale.flows.flow", "gscale.bijections.learned_rotations", "gscale.flows.stopping"},
    "estimators.detector": FOUNDATION | ESTIMATORS | {"gscale.estimators.density", "gscale.flows.flow"},
    "estimators.kept": FOUNDATION
    | ESTIMATORS
    | {"gscale.estimators.density", "gscale.estimators.detector", "gscale.flows.serialisation"},
    "estimators": ESTIMATORS
    | {f"gscale.estimators.{name}" for name in ("density", "detector", "gaussianity", "kept")},
    "cli_density": FOUNDATION
    | {"gscale.bench.anomaly", "gscale.bench.anomaly.run_comparison", "gscale.bench.anomaly.anomaly_summary"}
    | {"gscale.figures.html.anomaly_page", "gscale.data.readers", "gscale.estimators", "gscale.flows.serialisation"},
    "modelled": MODEL
    | {"gscale.data.base"}
    | {f"gscale.{name}" for name in ("flow", "marginals", "rotations", "saved", "train")},
    "progress": {"gscale.flows.end_to_end"},
    "bench": set(),
    "bench.store": FOUNDATION | {f"gscale.bench.{name}" for name in ("claims", "files", "gathered")},
    "bench.sweep": FOUNDATION
    | {"gscale.results.tables", "gscale.data.base"}
    | {f"gscale.{name}" for name in ("flow", "optimise", "parameters", "rotations")},
    "bench.own": FOUNDATION | {"gscale.bench.sweep", "gscale.data.base"},
    "bench.catalog": FOUNDATION | {"gscale.bench.speed.cases", "gscale.bench.sweep"},
    "bench.clock": set(),
    "bench.exact": {"gscale.bench.measure.timing", "gscale.bench.sweep", "gscale.flows.flow"}
    | {"gscale.theory", "gscale.theory.population", "gscale.theory.scales"},
    "bench.projections": {"gscale.data.base", "gscale.bijections.rotations", "gscale.theory"}
    | {f"gscale.bench.{name}" for name in ("clock", "exact", "sweep")},
    "bench.sampled": MODEL
    | {"gscale.flows.layerwise", "gscale.flows.end_to_end", "gscale.data.base", "gscale.flows.flow"}
    | {f"gscale.bench.{name}" for name in ("clock", "exact", "sweep")},
    "bench.run": FOUNDATION
    | {"gscale.flows.end_to_end"}
    | {f"gscale.bench.{name}" for name in ("clock", "exact", "projections", "provenance", "sampled")}
    | {"gscale.results.tables", "gscale.bench.sweep"},
    "bench.files": FOUNDATION,
    "bench.claims": {"gscale.results.files"},
    "bench.gathered": {"gscale.results.files"},
    "bench.journal": FOUNDATION | {"gscale.results.locks", "gscale.results.files"},
    "bench.status": FOUNDATION | {"gscale.results.journal", "gscale.results.tables"},
    "bench.engine": set(),
    "bench.engine.attempt": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("claims", "clock", "journal", "run", "store", "sweep")},
    "bench.engine.worker": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("catalog", "engine.attempt", "sweep")}
    | {"gscale.runtime", "gscale.runtime"},
    "bench.engine.crew": FOUNDATION | {"gscale.bench.executors.task", "gscale.results.locks"},
    "bench.engine.pool": FOUNDATION | {"gscale.bench.executors.task", "gscale.bench.executors.worker"},
    "bench.engine.serial": {"gscale.bench.executors.task"},
    "bench.engine.cluster": FOUNDATION | {"gscale.bench.executors.task", "gscale.bench.executors.worker"},
    "cli_files": {"gscale.results.files", "gscale.results.status", "gscale.results.tables"},
    "cli_run": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("catalog", "files", "journal", "own", "store", "sweep")}
    | {f"gscale.bench.executors.{name}" for name in ("attempt", "cluster", "crew", "pool", "serial")}
    | {"gscale", "gscale.cli.data", "gscale.data.base", "gscale.runtime", "gscale.flows.progress"},
    "bench.scaling.counts": FOUNDATION,
    "bench.scaling.censored": set(),
    "bench.scaling.estimates": set(),
    "bench.scaling.samples": {"gscale.analysis.censoring"},
    "bench.scaling.laws": {f"gscale.analysis.{name}" for name in ("censored", "estimates", "samples")},
    "bench.scaling.prediction": {
        f"gscale.analysis.{name}" for name in ("censored", "estimates", "laws", "samples")
    },
    "bench.scaling.expected": {"gscale.analysis.scaling_laws", "gscale.theory.finite_samples", "gscale.theory.rates"},
    "bench.scaling.tables": {
        f"gscale.analysis.{name}" for name in ("counts", "expected", "laws", "samples")
    },
    "bench.scaling.turning": {f"gscale.analysis.{name}" for name in ("counts", "expected")},
    "bench.scaling": {
        f"gscale.analysis.{name}"
        for name in (
            *("counts", "estimates", "expected", "laws", "prediction", "samples", "tables", "turning"),
        )
    },
    "bench.style": set(),
    "bench.names": {"gscale.analysis", "gscale.results.tables"},
    "bench.compare": {f"gscale.bench.{name}" for name in ("names", "scaling", "store", "style")},
    "bench.advice.reach": {"gscale.analysis"},
    "bench.advice.models": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("advice.reach", "names", "scaling", "store")},
    "bench.advice.text": {f"gscale.bench.{name}" for name in ("advice.models", "names", "scaling", "store")},
    "bench.advice": {"gscale.analysis.advice.advisor", "gscale.analysis.advice.advice_text"},
    "bench.pilot": FOUNDATION
    | {"gscale.bench.sweep", "gscale.data.base"}
    | {
        f"gscale.{name}"
        for name in (
            *("conditioner", "coupling", "flow", "learned", "marginals", "optimise"),
            *("rotations", "transformer"),
        )
    },
    "bench.means": {"gscale.analysis"},
    "bench.distances": {"gscale.theory.rates", "gscale.analysis"},
    "bench.findings": FOUNDATION | {f"gscale.bench.{name}" for name in ("distances", "scaling", "store")},
    "bench.gauges": {"gscale.analysis", "gscale.results.tables"},
    "bench.baseline": FOUNDATION | {"gscale.analysis.regression.quantities", "gscale.results.tables"},
    "bench.gate": {"gscale.analysis.regression.baseline", "gscale.analysis.regression.quantities"},
    "bench.verdicts": FOUNDATION | {"gscale.analysis.regression.verdicts", "gscale.results.tables"},
    "bench.spurious": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("distances", "scaling", "store", "style")},
    "bench.turning": {f"gscale.bench.{name}" for name in ("scaling", "store", "style")},
    "bench.plot": FOUNDATION
    | {"gscale.theory.rates"}
    | {
        f"gscale.bench.{name}"
        for name in ("compare", "distances", "means", "scaling", "spurious", "store", "style", "turning")
    },
    "bench.provenance": {"gscale"},
    "bench.speed": set(),
    "bench.speed.case": FOUNDATION,
    "bench.speed.peers": FOUNDATION | {"gscale.bijections.rotations"},
    "bench.speed.clock": {f"gscale.bench.speed.{name}" for name in ("case", "peers")}
    | {f"gscale.{name}" for name in ("blocks", "flow", "marginals")}
    | {"gscale.bijections.rotations", "gscale.flows.layerwise"},
    "bench.speed.memory": {f"gscale.{name}" for name in ("blocks", "train")}
    | {f"gscale.bench.speed.{name}" for name in ("case", "clock")},
    "bench.speed.run": {f"gscale.bench.{name}" for name in ("provenance", "store")}
    | {f"gscale.bench.speed.{name}" for name in ("case", "clock", "memory")},
    "bench.speed.tables": FOUNDATION | {"gscale.figures.style"},
    "cli_speed": {f"gscale.bench.speed.{name}" for name in ("peers", "run", "tables")}
    | {"gscale.bench.catalog", "gscale.bench.sweep"},
    "images": set(),
    "images.augment": FOUNDATION,
    "images.network": FOUNDATION,
    "images.training": FOUNDATION | {"gscale.flows.end_to_end"},
    "images.classifier": FOUNDATION
    | {f"gscale.{name}" for name in ("end_to_end", "images.augment", "images.network", "images.training")},
    "images.cvae": FOUNDATION
    | {f"gscale.{name}" for name in ("end_to_end", "images.augment", "images.network", "images.training")},
    "images.flows": FOUNDATION
    | {f"gscale.{name}" for name in ("conditioner", "coupling", "end_to_end", "estimators", "flow")}
    | {f"gscale.{name}" for name in ("images.network", "marginals", "optimise", "rotations", "train")},
    "images.judge": set(),
    "images.measures": set(),
    "images.reading": FOUNDATION | {"gscale.data.idx", "gscale.data.readers"},
    "images.sets": FOUNDATION
    | {f"gscale.data.{name}" for name in ("cache", "card", "fetched", "idx")}
    | {"gscale.images.image_files"},
    "images.figures": {"gscale.flows.serialisation"},
    "images.tables": FOUNDATION | {"gscale.flows.serialisation"},
    "images.compare": FOUNDATION
    | {"gscale.flows.serialisation"}
    | {f"gscale.images.{name}" for name in ("augment", "classifier", "measures", "sets", "training")},
    "images.compare_generators": {
        f"gscale.images.{name}" for name in ("classifier", "compare", "cvae", "flows", "judge", "sets")
    },
    "cli_training": FOUNDATION | {f"gscale.{name}" for name in ("checkpoint", "progress")},
    "cli_images": FOUNDATION
    | {f"gscale.{name}" for name in ("checkpoint", "cli_training", "saved")}
    | {
        f"gscale.images.{name}"
        for name in (
            *("classifier", "compare", "compare_generators", "cvae", "figures", "flows", "measures"),
            *("reading", "sets", "tables"),
        )
    },
    "bench.anomaly": set(),
    "bench.anomaly.sets": FOUNDATION,
    "bench.anomaly.rivals": FOUNDATION | {"gscale.bench.anomaly.anomaly_sets", "gscale.estimators"},
    "bench.anomaly.run": FOUNDATION
    | {"gscale.bench.anomaly.detectors", "gscale.bench.anomaly.anomaly_sets", "gscale.results.tables", "gscale.estimators"},
    "bench.anomaly.tables": FOUNDATION,
    "bench.report.figure": set(),
    "bench.report.cells": set(),
    "bench.report.frame": FOUNDATION | {"gscale.figures.spec", "gscale.results.tables"},
    "bench.report.anomalies": {f"gscale.figures.html.{name}" for name in ("cells", "figure", "frame")},
    "bench.report.losses": REPORT | {f"gscale.bench.{name}" for name in ("findings", "means", "names")},
    "bench.report.layers": REPORT
    | {f"gscale.bench.{name}" for name in ("compare", "names", "report.losses")}
    | {"gscale.theory.rates"},
    "bench.report.rows": REPORT
    | {f"gscale.bench.{name}" for name in ("distances", "findings", "report.losses", "spurious")},
    "bench.report.tables": REPORT
    | {
        f"gscale.bench.{name}"
        for name in ("compare", "distances", "findings", "names", "report.cells", "report.layers")
    },
    "bench.report.page": REPORT
    | {f"gscale.bench.{name}" for name in ("compare", "findings", "names", "report")}
    | {f"gscale.figures.html.{name}" for name in ("frame", "layers", "losses", "rows", "tables")},
    "bench.report": {"gscale.figures.html.page_frame", "gscale.figures.html.results_page"},
}


def room_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                submodule = PACKAGE.parent / Path(*node.module.split("."), f"{alias.name}.py")
                yield f"{node.module}.{alias.name}" if submodule.exists() else node.module


def test_imports_point_one_way():
    for path in PACKAGE.rglob("*.py"):
        room = room_of(path)
        if room in ("__init__", "_public", "command", "cli"):
            continue
        assert room in ALLOWED, f"{room} is a new room: say what it may import"
        ours = {name for name in imports_of(path) if name.split(".")[0] == "gscale"}
        assert ours <= ALLOWED[room], f"{room} imports {ours - ALLOWED[room]}"


def test_what_reads_tables_never_touches_jax():
    bench = PACKAGE / "bench"
    for path in (
        bench / "store.py",
        bench / "claims.py",
        bench / "files.py",
        bench / "gathered.py",
        bench / "journal.py",
        bench / "status.py",
        bench / "compare.py",
        bench / "distances.py",
        bench / "findings.py",
        bench / "gauges.py",
        bench / "baseline.py",
        bench / "gate.py",
        bench / "verdicts.py",
        bench / "means.py",
        bench / "names.py",
        bench / "style.py",
        bench / "spurious.py",
        bench / "plot.py",
        bench / "turning.py",
        *(
            PACKAGE / "images" / f"{name}.py"
            for name in ("figures", "judge", "measures", "reading", "tables")
        ),
        *(bench / "advice").glob("*.py"),
        *(bench / "report").glob("*.py"),
        *(bench / "scaling").glob("*.py"),
    ):
        assert not {"jax", "equinox"} & {name.split(".")[0] for name in imports_of(path)}


def test_status_and_merge_start_without_jax():
    code = "import gscale.cli.main, gscale.cli.status, sys; assert not {'jax', 'sklearn'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_gscale_leaves_the_configuration_of_jax_alone():
    code = (
        "import jax; before = dict(jax.config.values); import gscale, gscale.cli.results_commands, gscale.bench.measure.run_cell;"
        "assert dict(jax.config.values) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
