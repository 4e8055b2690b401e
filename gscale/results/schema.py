"""The columns of results: what one row says, with the meaning of each column beside it."""

import pyarrow as pa

SCHEMA_VERSION = 3

SCHEMA = pa.schema(
    [
        pa.field("schema", pa.int32(), nullable=False),  # version of this list of columns
        pa.field("sweep", pa.string(), nullable=False),  # name of the experiment
        pa.field("cell_id", pa.string(), nullable=False),  # hash of the setting, and the name of the file
        pa.field("seed", pa.int64(), nullable=False),  # of data and layers; one curve each
        pa.field("kind", pa.string(), nullable=False),  # what losses are of: see the list below
        pa.field("per_depth", pa.bool_(), nullable=False),  # each depth was built on its own; none in between
        pa.field("figure", pa.string()),  # the figure that the sweep asks for; null: the usual one
        pa.field("dataset", pa.string(), nullable=False),  # JSON of the fields that are not default
        pa.field("dim", pa.int64(), nullable=False),  # dimension D
        pa.field("n_samples", pa.int64()),  # N rows fitted to; null: the population, infinitely many
        pa.field("n_test", pa.int64()),  # rows tested on; null: the population, or unknown
        pa.field("rotation", pa.string(), nullable=False),  # JSON: how a layer mixes coordinates
        pa.field("marginal", pa.string(), nullable=False),  # JSON: how it makes each coordinate normal
        pa.field("coupling", pa.string()),  # JSON: and conditions one half on the other; null: no coupling
        pa.field("training", pa.string(), nullable=False),  # JSON: how layers are fitted
        pa.field("dtype", pa.string(), nullable=False),  # float32; float64
        pa.field("n_layers", pa.int64(), nullable=False),  # the loss is that with so many layers
        pa.field("metric", pa.string(), nullable=False),  # kl: floor 0; nll: floor unknown; w2: a distance
        pa.field("loss_train", pa.float64()),  # nats, on the rows fitted to; null for the population
        pa.field("loss_test", pa.float64(), nullable=False),  # nats, on new rows
        pa.field("seconds", pa.float64(), nullable=False),  # to this depth, a seed's share of its batch
        pa.field("seconds_compile", pa.float64(), nullable=False),  # or to read it; not in seconds
        pa.field("side_by_side", pa.bool_()),  # other cells ran meanwhile; null: unknown
        pa.field("device", pa.string(), nullable=False),  # what it was computed on
        pa.field("jax", pa.string(), nullable=False),  # version
        pa.field("gscale", pa.string(), nullable=False),  # version
        pa.field("commit", pa.string()),  # of the checkout, marked where files differ; null outside of one
        pa.field("created", pa.timestamp("us", tz="UTC"), nullable=False),  # when the cell was finished
    ],
    metadata={"gscale_schema": str(SCHEMA_VERSION)},
)

# What stands in the column kind.
KINDS = {
    "sampled": "a model fitted to rows; test losses are of other rows",
    "population": "exact losses of layers on covariances, as with infinitely many rows",
    "expected": "exact expectations of the loss over rotations",
    "bound": "a bound that the expectation never breaks",
    "scales": "exact losses of the best scales between fixed rotations",
    "construction": "exact losses of a construction, such as whitening couplings",
    "projections": "distances from normal along projections; no losses of layers",
}

# The columns of schema 1 and 2, which `gscale.results.migration` brings up to date.
_NEW = {"kind", "per_depth", "figure", "n_test"}
OLDER_COLUMNS = {
    "1": [name for name in SCHEMA.names if name not in _NEW | {"side_by_side"}],
    "2": [name for name in SCHEMA.names if name not in _NEW],
}

# What does not fit one loss a row, beside the tables: how many rows fall where along a projection.
HISTOGRAMS = pa.schema(
    [
        pa.field("cell_id", pa.string(), nullable=False),  # as in the table
        pa.field("seed", pa.int64(), nullable=False),  # as in the table
        pa.field("projection", pa.string(), nullable=False),  # random; furthest; bimodal
        pa.field("rows", pa.string(), nullable=False),  # searched; fresh
        pa.field("low", pa.float64(), nullable=False),  # of the bin; the outer ones hold all beyond
        pa.field("high", pa.float64(), nullable=False),  # of the bin
        pa.field("count", pa.int64(), nullable=False),  # rows in the bin
    ],
    metadata={"gscale_schema": "1"},
)

# What a failure record says of a cell.
FAILURE = ("sweep", "cell_id", "cell", "setting", "error", "traceback", "seconds")
