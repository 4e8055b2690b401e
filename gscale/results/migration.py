"""Tables of schema 1 and 2, whose settings were the text of Python objects, read as tables of schema 3.

What these objects were called and what their defaults were is written down here as it was then; nothing else
of gscale depends on it.
"""

import ast
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pyarrow as pa

_SETTINGS = ("dataset", "rotation", "marginal", "coupling", "training")

# Classes that have another name in schema 3.
_RENAMED = {
    "Adam": "Training",
    "Everything": "AllParameters",
    "Learned": "LearnedRotation",
    "Marginals": "MarginalParameters",
    "OwnImages": "UserImages",
    "OwnTable": "UserTable",
    "Refined": "TrainedLayer",
}

# Defaults of schema 2, as that wrote them; classes without any, and a user's own, keep all their fields.
_TABLE_CUT, _IMAGE_CUT = "cut=RandomColumns()", "cut=Area()"
_ADAM = "n_steps=500, learning_rate=0.005, batch_size=256, max_gradient=1.0, held_out=0.1"
_DEFAULTS = {
    "AR1": "rho=0.9",
    "Adam": f"{_ADAM}, n_checks=20, patience=None",
    "AffineTransformer": "max_log_scale=2.0",
    "Banana": "bend=0.9",
    "BananaTree": "bend=1.0, width=0.25",
    "Checkerboard": "half=2",
    "Coupling": "transformer=AffineTransformer(max_log_scale=2.0), conditioner=MLP(width=64, depth=2), "
    f"n_active=None, training=Adam({_ADAM})",
    "EndToEnd": "first=None, parts=Everything()",
    "EndToEndScales": "n_restarts=1",
    "Equicorrelated": "rho=0.5",
    "Gaussian": "covariance=Wishart(ratio=2.0)",
    "GaussianMixture": "n_components=10",
    "Householder": "n_reflections=8",
    "ICA": "n_steps=100, validate=0.0",
    "LaplaceSources": "strength=0.5",
    "LayerSpec": "coupling=None",
    "Layerwise": "first=None",
    "LayerwiseTrained": "first=None",
    "Learned": "n_steps=100, learning_rate=0.03, batch_size=4096, n_bins=8, validate=0.0",
    "LinearCoupling": "n_active=None",
    "MLP": "width=64, depth=2",
    "MixtureCDF": "n_components=8, component=Normal(), n_steps=100",
    "NearIdentity": "size=0.05",
    "PCA": "validate=0.0",
    "PowerLaw": "exponent=1.0",
    "Projections": "n_restarts=4, n_steps=60, modes_at=None",
    "Quantiles": "n_bins=32, bandwidth=0.0, shrinkage=0.0",
    "Refined": f"training=Adam({_ADAM}), parts=Everything()",
    "Rings": "n_rings=3, width=0.08",
    "Shell": "width=0.1",
    "SlicedWasserstein": "n_directions=None, n_steps=200, validate=0.0",
    "Spiked": "strength=10.0, n_spikes=1",
    "SplineTransformer": "n_bins=8, bound=5.0, min_width=0.001, min_height=0.001, min_derivative=0.001",
    "StudentT": "freedom=4.0",
    "Wishart": "ratio=2.0",
    **dict.fromkeys(("BSDS300", "BreastCancer", "CaliforniaHousing", "Covertype", "Diabetes"), _TABLE_CUT),
    **dict.fromkeys(("Gas", "Hepmass", "KDDCup99", "Miniboone", "NSLKDD", "NSLKDDTest"), _TABLE_CUT),
    **dict.fromkeys(("OwnTable", "Power", "Wine"), _TABLE_CUT),
    **dict.fromkeys(("CIFAR10", "EMNISTDigits", "EMNISTLetters", "FashionMNIST", "MNIST"), _IMAGE_CUT),
    **dict.fromkeys(("MNISTTest", "OwnImages"), _IMAGE_CUT),
}

# What schema 3 says of each way of training in columns of their own; all others were sampled.
_KINDS = {
    "EndToEndScales": "scales",
    "Expected": "expected",
    "LowerBound": "bound",
    "Population": "population",
    "Projections": "projections",
    "WhiteningCouplings": "construction",
}
_PER_DEPTH = ("EndToEndScales", "WhiteningCouplings")

# The figure of each sweep that came with gscale, where it is not the usual one.
_FIGURES = {
    **dict.fromkeys(("couplings", "models", "pilot", "rotations", "training_modes"), "comparison"),
    "finite_samples": "sample_size",
    "spurious": "projections",
}


def migrated(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table of schema 1 or 2 with the columns of schema 3; the id of its cell stays what it was.

    What older tables do not tell is null: ``n_test``, and ``side_by_side`` before schema 2.
    """
    training = _mapped(table["training"], migrated_setting)
    columns = {name: _mapped(table[name], migrated_setting) for name in _SETTINGS}
    columns["kind"] = _mapped(training, lambda text: _KINDS.get(_name(text), "sampled"))
    columns["per_depth"] = _mapped(training, lambda text: _name(text) in _PER_DEPTH)
    columns["figure"] = _mapped(table["sweep"], lambda sweep: _FIGURES.get(sweep, "scaling"))
    columns["schema"] = pa.array([3] * len(table))
    held = {name: table[name] for name in table.column_names} | columns
    nothing = pa.nulls(len(table))
    rows = pa.table({name: held.get(name, nothing) for name in schema.names}).cast(schema)
    # the notes for pandas tell which of its types columns had
    return rows.replace_schema_metadata({**(table.schema.metadata or {}), **schema.metadata})


def _mapped(column: pa.ChunkedArray | pa.Array, function: Callable[[str], str | bool]) -> pa.Array:
    """A column of texts, few of which differ, through a function; null stays null."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count == len(array):
        return array
    texts = array.dictionary_encode()
    return pa.array([function(text) for text in texts.dictionary.to_pylist()]).take(texts.indices)


def _name(text: str) -> str:
    return str(next(iter(json.loads(text))))


@cache
def migrated_setting(text: str) -> str:
    """A setting as schema 2 wrote it, such as ``Quantiles(n_bins=16)``, as JSON.

    Examples
    --------
    >>> migrated_setting("Gaussian(covariance=NearIdentity(size=0.05))")
    '{"Gaussian":{"covariance":{"NearIdentity":{}}}}'
    """
    value = _value(ast.parse(text, mode="eval").body)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _object(node.func.id, {str(field.arg): _value(field.value) for field in node.keywords})
    if isinstance(node, ast.Tuple | ast.List):
        return [_value(item) for item in node.elts]
    value = ast.literal_eval(node)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _object(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    chosen = {field: part for field, part in fields.items() if _defaults(name).get(field, ...) != part}
    if name == "Learned" and chosen.get("n_steps") == 0:
        name, chosen = "TrainableRotation", {}
    return {_RENAMED.get(name, name): chosen}


@cache
def _defaults(name: str) -> dict[str, Any]:
    call = ast.parse(f"f({_DEFAULTS.get(name, '')})", mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(field.arg): _value(field.value) for field in call.keywords}
