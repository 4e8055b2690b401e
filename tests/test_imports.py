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
    "elementwise": {"gscale.parameters"},
    "rotations": FOUNDATION | {"gscale.parameters"},
    "counting": FOUNDATION | {"gscale.blocks", "gscale.elementwise"},
    "marginals": FOUNDATION | {"gscale.counting", "gscale.elementwise"},
    "mixture": FOUNDATION | {"gscale.marginals"},
    "frames": {"gscale.elementwise", "gscale.rotations"},
    "learned": FOUNDATION | {f"gscale.{name}" for name in ("frames", "marginals", "optimise", "rotations")},
    "conditioner": FOUNDATION,
    "transformer": FOUNDATION | {"gscale.elementwise", "gscale.parameters"},
    "coupling": FOUNDATION
    | {f"gscale.{name}" for name in ("conditioner", "elementwise", "marginals", "optimise", "transformer")},
    "theory.precision": set(),
    "theory.rates": set(),
    "theory.finite": FOUNDATION | {"gscale.marginals"},
    "theory.gain": {"gscale.theory.precision"},
    "theory.population": MODEL | {"gscale.theory.precision"},
    "theory.scales": FOUNDATION | {"gscale.theory.precision"},
    "theory.spurious": FOUNDATION | {"gscale.frames", "gscale.rotations"},
    "theory.whitening": FOUNDATION | {"gscale.coupling", "gscale.theory.precision"},
    "theory": {f"gscale.theory.{name}" for name in THEORY},
    "data.source": FOUNDATION,
    "data.gaussian": MODEL | {"gscale.data.source"},
    "data.cuts": FOUNDATION,
    "data.exact": {"gscale.data.source"},
    "data.bananas": MODEL | {"gscale.data.exact"},
    "data.radial": FOUNDATION | {"gscale.data.exact"},
    "data.plane": FOUNDATION | {"gscale.data.exact", "gscale.data.source"},
    "data.idx": FOUNDATION,
    "data.chunks": FOUNDATION,
    "data.reading": FOUNDATION | {"gscale.data.idx"},
    "data.rows": FOUNDATION,
    "data.tables": FOUNDATION | {f"gscale.data.{name}" for name in ("cuts", "rows", "source")},
    "data.images": FOUNDATION | {"gscale.data.cuts", "gscale.data.source"},
    "data.card": set(),
    "data.cache": FOUNDATION | {"gscale.data.card"},
    "data.fetched.frames": FOUNDATION,
    "data.fetched.archives": FOUNDATION,
    "data.fetched.base": FOUNDATION | {f"gscale.data.{name}" for name in ("cache", "card", "rows", "tables")},
    "data.fetched.images": FOUNDATION | FETCHED | {"gscale.data.idx"},
    "data.fetched.literature": FOUNDATION | FETCHED | {"gscale.data.fetched.frames"},
    "data.fetched.tables": FOUNDATION | FETCHED | {"gscale.data.reading"},
    "data.fetched": {f"gscale.data.fetched.{name}" for name in ("images", "literature", "tables")},
    "data.catalogue": FOUNDATION
    | {f"gscale.data.{name}" for name in ("card", "fetched", "images", "shipped", "source")},
    "cli_data": FOUNDATION
    | {"gscale.modelled", "gscale.saved"}
    | {f"gscale.data.{name}" for name in ("cache", "card", "catalogue", "own", "source")},
    "data.own": FOUNDATION | {f"gscale.data.{name}" for name in ("cuts", "reading", "rows", "tables")},
    "data.shipped": {f"gscale.data.{name}" for name in ("cuts", "rows", "tables")},
    "data.toys": MODEL | {"gscale.data.source"},
    "data": DATA,
    "flow": MODEL | {"gscale.blocks", "gscale.rotations", "gscale.marginals", "gscale.data"},
    "stopping": FOUNDATION | {"gscale.flow"},
    "train": MODEL | {"gscale.blocks", "gscale.flow", "gscale.stopping", "gscale.data.source"},
    "scratch": FOUNDATION | {"gscale.counting"},
    "devices": FOUNDATION,
    "sharded": MODEL | {f"gscale.{name}" for name in ("blocks", "counting", "data.source", "flow", "train")},
    "chunked": MODEL
    | {
        f"gscale.{name}"
        for name in ("blocks", "counting", "data.chunks", "data.source", "flow", "scratch", "train")
    },
    "end_to_end": MODEL | {"gscale.data.source", "gscale.flow", "gscale.optimise", "gscale.parameters"},
    "saved": FOUNDATION | {"gscale.flow"},
    "estimators.tables": FOUNDATION,
    "estimators.columns": FOUNDATION,
    "estimators.encoder": FOUNDATION | ESTIMATORS | {"gscale.data.rows"},
    "estimators.flows": FOUNDATION
    | {
        f"gscale.{name}"
        for name in ("blocks", "flow", "frames", "marginals", "rotations", "stopping", "train")
    },
    "estimators.gaussianity": FOUNDATION | {"gscale.estimators.flows", "gscale.flow"},
    "estimators.density": FOUNDATION
    | ESTIMATORS
    | {"gscale.estimators.gaussianity", "gscale.flow", "gscale.learned", "gscale.stopping"},
    "estimators.detector": FOUNDATION | ESTIMATORS | {"gscale.estimators.density", "gscale.flow"},
    "estimators.kept": FOUNDATION
    | ESTIMATORS
    | {"gscale.estimators.density", "gscale.estimators.detector", "gscale.saved"},
    "estimators": ESTIMATORS
    | {f"gscale.estimators.{name}" for name in ("density", "detector", "gaussianity", "kept")},
    "cli_density": FOUNDATION
    | {"gscale.bench.anomaly", "gscale.bench.anomaly.run", "gscale.bench.anomaly.tables"}
    | {"gscale.bench.report.anomalies", "gscale.data.reading", "gscale.estimators", "gscale.saved"},
    "modelled": MODEL
    | {"gscale.data.source"}
    | {f"gscale.{name}" for name in ("flow", "marginals", "rotations", "saved", "train")},
    "progress": {"gscale.end_to_end"},
    "bench": set(),
    "bench.store": FOUNDATION | {f"gscale.bench.{name}" for name in ("claims", "files", "gathered")},
    "bench.sweep": FOUNDATION
    | {"gscale.bench.store", "gscale.data.source"}
    | {f"gscale.{name}" for name in ("flow", "optimise", "parameters", "rotations")},
    "bench.own": FOUNDATION | {"gscale.bench.sweep", "gscale.data.source"},
    "bench.catalog": FOUNDATION | {"gscale.bench.speed.case", "gscale.bench.sweep"},
    "bench.clock": set(),
    "bench.exact": {"gscale.bench.clock", "gscale.bench.sweep", "gscale.flow"}
    | {"gscale.theory", "gscale.theory.population", "gscale.theory.scales"},
    "bench.projections": {"gscale.data.source", "gscale.rotations", "gscale.theory"}
    | {f"gscale.bench.{name}" for name in ("clock", "exact", "sweep")},
    "bench.sampled": MODEL
    | {"gscale.train", "gscale.end_to_end", "gscale.data.source", "gscale.flow"}
    | {f"gscale.bench.{name}" for name in ("clock", "exact", "sweep")},
    "bench.run": FOUNDATION
    | {"gscale.end_to_end"}
    | {f"gscale.bench.{name}" for name in ("clock", "exact", "projections", "provenance", "sampled")}
    | {"gscale.bench.store", "gscale.bench.sweep"},
    "bench.files": FOUNDATION,
    "bench.claims": {"gscale.bench.files"},
    "bench.gathered": {"gscale.bench.files"},
    "bench.journal": FOUNDATION | {"gscale.bench.claims", "gscale.bench.files"},
    "bench.status": FOUNDATION | {"gscale.bench.journal", "gscale.bench.store"},
    "bench.engine": set(),
    "bench.engine.attempt": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("claims", "clock", "journal", "run", "store", "sweep")},
    "bench.engine.worker": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("catalog", "engine.attempt", "sweep")}
    | {"gscale.compiled", "gscale.threads"},
    "bench.engine.crew": FOUNDATION | {"gscale.bench.engine.attempt", "gscale.bench.claims"},
    "bench.engine.pool": FOUNDATION | {"gscale.bench.engine.attempt", "gscale.bench.engine.worker"},
    "bench.engine.serial": {"gscale.bench.engine.attempt"},
    "bench.engine.cluster": FOUNDATION | {"gscale.bench.engine.attempt", "gscale.bench.engine.worker"},
    "cli_files": {"gscale.bench.files", "gscale.bench.status", "gscale.bench.store"},
    "cli_run": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("catalog", "files", "journal", "own", "store", "sweep")}
    | {f"gscale.bench.engine.{name}" for name in ("attempt", "cluster", "crew", "pool", "serial")}
    | {"gscale", "gscale.cli_data", "gscale.data.source", "gscale.devices", "gscale.progress"},
    "bench.scaling.counts": FOUNDATION,
    "bench.scaling.censored": set(),
    "bench.scaling.estimates": set(),
    "bench.scaling.samples": {"gscale.bench.scaling.censored"},
    "bench.scaling.laws": {f"gscale.bench.scaling.{name}" for name in ("censored", "estimates", "samples")},
    "bench.scaling.prediction": {
        f"gscale.bench.scaling.{name}" for name in ("censored", "estimates", "laws", "samples")
    },
    "bench.scaling.expected": {"gscale.bench.scaling.laws", "gscale.theory.finite", "gscale.theory.rates"},
    "bench.scaling.tables": {
        f"gscale.bench.scaling.{name}" for name in ("counts", "expected", "laws", "samples")
    },
    "bench.scaling.turning": {f"gscale.bench.scaling.{name}" for name in ("counts", "expected")},
    "bench.scaling": {
        f"gscale.bench.scaling.{name}"
        for name in (
            *("counts", "estimates", "expected", "laws", "prediction", "samples", "tables", "turning"),
        )
    },
    "bench.style": set(),
    "bench.names": {"gscale.bench.scaling", "gscale.bench.store"},
    "bench.compare": {f"gscale.bench.{name}" for name in ("names", "scaling", "store", "style")},
    "bench.advice.reach": {"gscale.bench.scaling"},
    "bench.advice.models": FOUNDATION
    | {f"gscale.bench.{name}" for name in ("advice.reach", "names", "scaling", "store")},
    "bench.advice.text": {f"gscale.bench.{name}" for name in ("advice.models", "names", "scaling", "store")},
    "bench.advice": {"gscale.bench.advice.models", "gscale.bench.advice.text"},
    "bench.pilot": FOUNDATION
    | {"gscale.bench.sweep", "gscale.data.source"}
    | {
        f"gscale.{name}"
        for name in (
            *("conditioner", "coupling", "flow", "learned", "marginals", "optimise"),
            *("rotations", "transformer"),
        )
    },
    "bench.means": {"gscale.bench.scaling"},
    "bench.distances": {"gscale.theory.rates", "gscale.bench.scaling"},
    "bench.findings": FOUNDATION | {f"gscale.bench.{name}" for name in ("distances", "scaling", "store")},
    "bench.gauges": {"gscale.bench.scaling", "gscale.bench.store"},
    "bench.baseline": FOUNDATION | {"gscale.bench.gauges", "gscale.bench.store"},
    "bench.gate": {"gscale.bench.baseline", "gscale.bench.gauges"},
    "bench.verdicts": FOUNDATION | {"gscale.bench.gate", "gscale.bench.store"},
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
    "bench.speed.peers": FOUNDATION | {"gscale.rotations"},
    "bench.speed.clock": {f"gscale.bench.speed.{name}" for name in ("case", "peers")}
    | {f"gscale.{name}" for name in ("blocks", "flow", "marginals")}
    | {"gscale.rotations", "gscale.train"},
    "bench.speed.memory": {f"gscale.{name}" for name in ("blocks", "train")}
    | {f"gscale.bench.speed.{name}" for name in ("case", "clock")},
    "bench.speed.run": {f"gscale.bench.{name}" for name in ("provenance", "store")}
    | {f"gscale.bench.speed.{name}" for name in ("case", "clock", "memory")},
    "bench.speed.tables": FOUNDATION | {"gscale.bench.style"},
    "cli_speed": {f"gscale.bench.speed.{name}" for name in ("peers", "run", "tables")}
    | {"gscale.bench.catalog", "gscale.bench.sweep"},
    "images": set(),
    "images.augment": FOUNDATION,
    "images.network": FOUNDATION,
    "images.training": FOUNDATION | {"gscale.end_to_end"},
    "images.classifier": FOUNDATION
    | {f"gscale.{name}" for name in ("end_to_end", "images.augment", "images.network", "images.training")},
    "images.cvae": FOUNDATION
    | {f"gscale.{name}" for name in ("end_to_end", "images.augment", "images.network", "images.training")},
    "images.flows": FOUNDATION
    | {f"gscale.{name}" for name in ("conditioner", "coupling", "end_to_end", "estimators", "flow")}
    | {f"gscale.{name}" for name in ("images.network", "marginals", "optimise", "rotations", "train")},
    "images.judge": set(),
    "images.measures": set(),
    "images.reading": FOUNDATION | {"gscale.data.idx", "gscale.data.reading"},
    "images.sets": FOUNDATION
    | {f"gscale.data.{name}" for name in ("cache", "card", "fetched", "idx")}
    | {"gscale.images.reading"},
    "images.figures": {"gscale.saved"},
    "images.tables": FOUNDATION | {"gscale.saved"},
    "images.compare": FOUNDATION
    | {"gscale.saved"}
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
    "bench.anomaly.rivals": FOUNDATION | {"gscale.bench.anomaly.sets", "gscale.estimators"},
    "bench.anomaly.run": FOUNDATION
    | {"gscale.bench.anomaly.rivals", "gscale.bench.anomaly.sets", "gscale.bench.store", "gscale.estimators"},
    "bench.anomaly.tables": FOUNDATION,
    "bench.report.figure": set(),
    "bench.report.cells": set(),
    "bench.report.frame": FOUNDATION | {"gscale.bench.report.figure", "gscale.bench.store"},
    "bench.report.anomalies": {f"gscale.bench.report.{name}" for name in ("cells", "figure", "frame")},
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
    | {f"gscale.bench.report.{name}" for name in ("frame", "layers", "losses", "rows", "tables")},
    "bench.report": {"gscale.bench.report.frame", "gscale.bench.report.page"},
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
    code = "import gscale.command, gscale.cli_files, sys; assert not {'jax', 'sklearn'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_gscale_leaves_the_configuration_of_jax_alone():
    code = (
        "import jax; before = dict(jax.config.values); import gscale, gscale.cli, gscale.bench.run;"
        "assert dict(jax.config.values) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
