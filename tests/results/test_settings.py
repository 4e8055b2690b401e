"""Settings as data: the same setting has the same text and the same id, whatever it was written with."""

import pickle
import subprocess
import sys
from dataclasses import MISSING, dataclass, field, make_dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from gscale import Gaussian, Haar, InputError, LayerSpec, Moments, Quantiles
from gscale.bench import Cell, Layerwise, TrainingMode, catalog
from gscale.data import NearIdentity, Wishart
from gscale.results.schema import KINDS
from gscale.results.settings import encode, label, parts, to_json
from gscale.results.tables import read_tables

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


def cell(**changes):
    setting = {
        "dataset": Gaussian(),
        "dim": 4,
        "layer": LayerSpec(Haar(), Quantiles(n_bins=16)),
        "training": Layerwise(),
        "n_layers": 5,
        "seeds": (0, 1),
        "n_samples": 200,
        "n_test": 100,
        "dtype": "float32",
    }
    return Cell(**{**setting, **changes})


def test_numbers_of_numpy_are_the_numbers():
    same = cell(
        dim=np.int64(4),
        n_samples=np.int32(200),
        seeds=tuple(np.arange(2)),
        layer=LayerSpec(Haar(), Quantiles(n_bins=np.int64(16), bandwidth=np.float64(0))),
        dataset=Gaussian(Wishart(2)),
    )
    assert same.id == cell().id
    assert to_json(NearIdentity(np.float64(0.1))) == to_json(NearIdentity(0.1))
    assert to_json(NearIdentity(0.1)) != to_json(NearIdentity(0.2))


def test_the_id_of_a_cell_is_known_in_another_process():
    """It depends on neither the process nor a random seed of its hashes; the value is that of this schema."""
    code = (
        "from gscale import *; from gscale.bench import *; print(Cell(Gaussian(), 4, LayerSpec(Haar(), "
        "Quantiles(n_bins=16)), Layerwise(), 5, (0, 1), 200, 100, 'float32').id)"
    )
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert other.stdout.strip() == cell().id == "5c03f1e720518a0b"


def test_a_class_that_was_pickled_by_value_has_its_defaults():
    """As on workers of dask, for a user's sweep: "no default" is then a copy of `MISSING`."""
    cloudpickle = pytest.importorskip("cloudpickle", reason="the extra dask is not installed")
    code = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Mine:\n a: int\n b: int = 2\n"
    namespace = {"__name__": "__main__"}
    exec(code, namespace)
    values = [namespace["Mine"](1), namespace["Mine"](1, 3)]
    copies = pickle.loads(cloudpickle.dumps(values))
    assert type(copies[0]).__dataclass_fields__["a"].default is not MISSING
    assert [to_json(value) for value in copies] == ['{"Mine":{"a":1}}', '{"Mine":{"a":1,"b":3}}']


def test_a_renamed_class_and_a_field_that_is_added_change_no_id():
    @dataclass(frozen=True)
    class Turned:
        angle: float = 0.5
        steps: int = 3

    @dataclass(frozen=True)
    class Rotated:  # the same, renamed; a field is new and the order another
        stored_name: ClassVar[str] = "Turned"
        steps: int = 3
        angle: float = 0.5
        twice: bool = False
        axes: tuple[int, ...] = field(default_factory=tuple)

    for old, new in ((Turned(), Rotated()), (Turned(0.1, 4), Rotated(angle=0.1, steps=4))):
        assert to_json(old) == to_json(new)
    assert to_json(Rotated(twice=True)) == '{"Turned":{"twice":true}}'


def test_fields_are_sorted():
    forwards = make_dataclass("Made", [("a", int), ("b", int)], frozen=True)
    backwards = make_dataclass("Made", [("b", int), ("a", int)], frozen=True)
    assert to_json(forwards(a=1, b=2)) == to_json(backwards(a=1, b=2)) == '{"Made":{"a":1,"b":2}}'


@pytest.mark.parametrize("part", [object(), lambda x: x, Haar, np.zeros(2)])
def test_what_has_no_value_of_its_own_is_refused(part):
    with pytest.raises(InputError, match="without a value of its own: make it a frozen dataclass"):
        encode([part])


def test_settings_are_told_to_people_and_taken_apart():
    text = to_json(Gaussian(NearIdentity(0.1)))
    assert label(text) == "Gaussian(NearIdentity(size=0.1))"
    assert parts(text) == ("Gaussian", {"covariance": {"NearIdentity": {"size": 0.1}}})
    assert label(to_json(Layerwise(first=Moments()))) == "Layerwise(Moments)"


def test_every_reference_table_says_which_setting_its_id_is_of():
    """The cells of the shipped sweeps, as the code makes them now, are those of the reference results."""
    for folder in sorted(REFERENCE.glob("[a-z]*")):
        sweep = catalog.load(folder.name)
        known = {one.id: one for one in sweep.cells("quick")}
        table = read_tables(folder)
        for cell_id, rows in table.groupby("cell_id"):
            assert cell_id in known, f"{folder.name}: {cell_id} is no cell of the profile quick"
            for name, value in known[cell_id].settings().items():
                held = rows[name].iloc[0]
                assert (pd.isna(held) and value is None) or held == value, (folder.name, cell_id, name)
        assert set(table["kind"]) <= KINDS.keys()
        assert set(table["figure"]) == {sweep.figure}


def test_a_training_mode_says_its_kind():
    with pytest.raises(InputError, match="training is 'Layerwise': it is a training mode such as"):
        cell(training="Layerwise")
    modes = [mode for base in TrainingMode.__subclasses__() for mode in base.__subclasses__()]
    concrete = [mode for base in modes for mode in (base.__subclasses__() or [base])]
    assert len(concrete) >= 9
    assert all(mode.kind in KINDS for mode in concrete)
