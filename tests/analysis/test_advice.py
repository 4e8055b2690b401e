"""Advice: what it predicts from tables of known curves, and what it won't say."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from gscale import Gaussian, Haar, InputError, LinearCoupling, Moments
from gscale.analysis.advice import advise, best, lines, records
from gscale.analysis.labels import brief
from gscale.bench import Layerwise, Population, model_grid as pilots
from gscale.data import user_file
from gscale.results.settings import to_json

DIMS = (4, 8, 16, 32, 64)
DATASET = to_json(Gaussian())
COUPLING = to_json(LinearCoupling())
EXACT = {"kind": "population", "training": to_json(Population()), "n_samples": None}


def curve(dim, seed, rate, depth=200, floor=0.0, first=10.0, **setting):
    """The loss falls by exp(−1/rate) a layer to a floor; a layer takes D milliseconds."""
    known = {"sweep": "s", "dataset": DATASET, "rotation": to_json(Haar()), "marginal": to_json(Moments())}
    training = {"training": to_json(Layerwise()), "kind": "sampled", "per_depth": False}
    more = {"coupling": None, "dtype": "float64", "n_samples": 50, **training}
    row = {**known, **more, "metric": "kl", **setting, "dim": dim, "seed": seed}
    row["cell_id"] = f"{dim}{row['n_samples']}{row['coupling']}{row['rotation']}{row['sweep']}"
    layers = np.arange(depth + 1)
    losses = floor + (first - floor) * np.exp(-layers / rate)
    measured = {"n_layers": layers, "loss_test": losses, "loss_train": losses, "seconds": layers * dim / 1000}
    return pd.DataFrame({**row, **measured})


def table(rate, dims=DIMS, n_seeds=3, scatter=0.05, **setting):
    """Seeds whose layers per e-fold scatter about a rate that is a function of D."""
    rng = np.random.default_rng(0)
    noise = 1 + scatter * rng.standard_normal((len(dims), n_seeds))
    seeds = [(dim, seed) for dim in range(len(dims)) for seed in range(n_seeds)]
    return pd.concat([curve(dims[d], s, rate(dims[d]) * noise[d, s], **setting) for d, s in seeds])


def linear(dim):
    return dim / 2


def flat(_):
    return 3.0


def both():
    return pd.concat([table(linear, depth=600), table(flat, coupling=COUPLING, depth=60)])


def one(found):
    (advice,) = found
    return advice


def test_layers_and_seconds_of_known_curves():
    """10 nats to 0.1 are log 100 e-folds: linear layers, D² seconds; and the D where a constant crosses."""
    advice = one(advise(both(), 48, 0.1))
    coupled, alone = advice.models
    folds = math.log(100)
    for model, layers in ((alone, 24 * folds), (coupled, 3 * folds)):
        assert model.layers.layers.low < layers < model.layers.layers.high
        assert model.layers.layers.high - model.layers.layers.low < layers
        assert model.seconds.low < layers * 0.048 < model.seconds.high
        assert model.missing_reason == ""
    assert [model.coupled for model in advice.models] == [True, False]
    in_layers, in_seconds = advice.crossings
    for crossing in (in_layers, in_seconds):  # D/2 = 3 at D = 6, whatever a layer costs
        assert crossing.at.low < 6 < crossing.at.high
        assert crossing.less_beyond == coupled.name
    assert best(advice.models) is coupled


def test_a_budget():
    """Surely within it is what the whole interval is; of such the fewest layers."""
    models = one(advise(both(), 48, 0.1)).models
    assert best(models, 1.5) is models[0]
    assert best(models, 0.01) is None
    said = "\n".join(lines(advise(both(), 48, 0.1), 1.5, ["cpu"]))
    assert "Haar + Moments (takes more than 1.5 s)" in said
    assert "fewest layers within 1.5 s: Haar + LinearCoupling + Moments" in said
    assert "no model is sure" in "\n".join(lines(advise(both(), 48, 0.1), 0.01, ["cpu"]))


def test_extrapolation_is_marked():
    models = one(advise(both(), 200, 0.1)).models
    assert all(model.layers.extrapolated for model in models)
    assert all(model.missing_reason == "extrapolated from D = 4 … 64" for model in models)
    assert models[1].layers.layers.low < 100 * math.log(100) < models[1].layers.layers.high
    assert models[1].layers.layers.high < 200 * math.log(100)


def test_a_loss_that_is_there_without_a_layer_tells_nothing_of_larger_dimensions():
    """Below D = 32 there is less than a nat to begin with; above, layers grow with what there is."""
    parts = [table(linear, dims=(dim,), first=dim / 32, depth=200) for dim in DIMS]
    alone = one(advise(pd.concat(parts[:4]), 64, 1.0)).models[0]
    assert alone.missing_reason == "no data: reached without a layer up to D = 32, run larger ones"
    below = one(advise(pd.concat(parts), 16, 1.0)).models[0]
    assert (below.layers.layers.value, below.layers.layers.high) == (0, 0)
    larger = pd.concat([*parts, table(linear, dims=(128,), first=4.0)])
    found = one(advise(larger, 100, 1.0)).models[0].layers.layers
    assert found.low < 50 * math.log(100 / 32) < found.high


def test_a_depth_that_was_too_shallow_is_censored_where_curves_are_exact():
    cut = table(linear, depth=120)  # D = 64 needs 147
    exact = cut.assign(**EXACT, loss_train=math.nan)
    model = one(advise(exact, 64, 0.1)).models[0]
    assert model.layers.layers.low < 32 * math.log(100) < model.layers.layers.high
    said = one(advise(cut, 64, 0.1)).models[0]
    assert said.layers is None
    assert said.missing_reason.startswith("not reached: at D = 64, 120 layers leave 0.18")


def test_what_stalls_is_out_of_reach_there_and_beyond():
    stalled = pd.concat([table(linear, dims=DIMS[:3]), table(linear, dims=(32,), floor=0.5)])
    assert one(advise(stalled, 16, 0.1)).known
    for dim in (20, 32, 64):
        said = one(advise(stalled, dim, 0.1)).models[0]
        assert (said.layers, said.seconds) == (None, None)
        assert said.missing_reason == "out of reach: at D = 32, 200 layers leave 0.5 nats"


def test_what_is_left_at_best_is_extrapolated():
    """What depth leaves grows like D²/3200: 0.02 nats at D = 8, 1.28 at D = 64, 5 at 128."""
    grows = pd.concat(
        [table(linear, dims=(dim,), depth=16 * dim, floor=dim**2 / 3200, first=100.0) for dim in DIMS]
    )
    assert one(advise(grows, 64, 2.0)).known
    said = one(advise(grows, 128, 2.0)).models[0].missing_reason
    assert said.startswith("not told: by extrapolation 5.")
    assert said.endswith("nats are left at best at D = 128")
    assert one(advise(grows, 128, 20.0)).known


def test_exact_losses_have_no_seconds():
    exact = table(linear, **EXACT, depth=600).assign(loss_train=math.nan)
    advice = one(advise(exact, 48, 0.1))
    assert advice.n_samples is None
    assert advice.models[0].seconds is None
    assert best(advice.models, 1.0) is advice.models[0]
    assert "infinitely many rows" in next(lines([advice], None, ["cpu"]))


def test_a_data_set_is_told_by_the_sweep_that_says_most():
    found = advise(pd.concat([both(), table(linear, sweep="other", depth=600)]), 48, 0.1)
    said = list(lines(found, None, ["cpu"]))
    assert said[0].startswith("s: Gaussian, N = 50, D = 48, 0.1 nats left")
    assert "  also in other (--only NAME)" in said
    assert said[-1] == "seconds are those of fitting on cpu"
    only = advise(pd.concat([both(), table(linear, sweep="other", depth=600)]), 48, 0.1, "other")
    assert [advice.sweep for advice in only] == ["other"]


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (table(linear, dims=(8,)), "no data: D = 8 alone was run"),
        (table(linear, dims=(8, 16), depth=4), "no data: reached at no D, run deeper"),
        (table(linear, dims=(4, 64), depth=100), "no data: reached at D = 4 alone, run deeper"),
    ],
)
def test_what_there_is_no_data_for(measured, reason):
    advice = one(advise(measured.assign(**EXACT, loss_train=math.nan), 8, 0.1))
    assert advice.models[0].missing_reason == reason
    assert next(lines([advice], None, ["cpu"])).endswith(f"{reason} (Haar + Moments)")
    assert best(advice.models) is None
    json.dumps(records([advice], None), allow_nan=False)


def test_records_are_json():
    found = json.loads(json.dumps(records(advise(both(), 48, 0.1), None), allow_nan=False))
    assert found[0]["best"] == "Haar + LinearCoupling + Moments"
    assert set(found[0]["models"][0]["layers"]) == {"value", "low", "high"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.1), "dim is 0: a dimension is at least 1"),
        ((4, 0.0), "loss is 0: the nats that may be left are above 0"),
        ((4, math.nan), "loss is nan"),
        ((4, 0.1, "photographs"), "--only photographs: no sweep or data set"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        advise(both(), *arguments)


def test_names_that_would_be_the_same_stay_whole():
    names = [f"Haar + Coupling(AffineTransformer(scale={s}), MLP(width=32))" for s in (1, 2)]
    assert brief(names) == {name: name for name in names}
    assert list(brief(names[:1]).values()) == ["Haar + Coupling(AffineTransformer, MLP)"]


@pytest.mark.usefixtures("small_pilot")
def test_a_pilot_on_rows_of_ones_own(my_rows, gscale):
    """Cut to D up to that of the file; asked again, nothing is run; the advice is about these rows alone."""
    code, out, err = gscale("advise", "--loss", "1", "--data", str(my_rows))
    assert code == 0
    assert "gscale: my.csv: left out, for they are constant: same" in err
    assert "pilot: UserTable(digest=" in out
    assert "D = 6, 1 nats left" in out
    assert "→ " in out
    code, out, _ = gscale("advise", "--loss", "3", "--data", str(my_rows), "--dim", "4", "--json")
    (found,) = json.loads(out)
    assert (found["sweep"], found["dim"], len(found["models"])) == ("pilot", 4, 2)


def test_what_a_pilot_is_cut_to(my_rows):
    with pytest.warns(UserWarning, match="constant: same"):
        source = user_file(my_rows)
    cells = pilots.pilot(source).cells("quick")
    assert {cell.dim for cell in cells} == {2, 3, 4, 6}
    assert {(cell.n_samples, cell.n_test) for cell in cells} == {(320, 80)}
    images = my_rows.with_name("images.npy")
    np.save(images, np.random.default_rng(0).integers(0, 256, (200, 8, 8), np.uint8))
    assert {cell.dim for cell in pilots.pilot(user_file(images)).cells("quick")} == {4, 9, 25, 64}
    narrow = my_rows.with_name("narrow.csv")
    pd.read_csv(my_rows)[["0", "1"]].to_csv(narrow, index=False)
    with pytest.raises(InputError, match=r"can be cut to 1 dimension\(s\) from 2 to 64"):
        pilots.pilot(user_file(narrow))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--loss", "1"), "no --dim: give the dimension D, or rows of your own with --data"),
        (("--loss", "1", "--dim", "4", "--budget", "0"), "--budget 0: seconds are above 0"),
        (("--loss", "-1", "--dim", "4"), "loss is -1"),
        (("--loss", "1", "--data", "no.csv"), "there is no file"),
        (("--loss", "1", "--dim", "4", "--results", "nowhere"), "nowhere is no folder"),
    ],
)
def test_the_command_refuses(gscale, arguments, message):
    code, _, err = gscale("advise", *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_the_tables_that_come_with_gscale_are_read(gscale):
    code, out, _ = gscale("advise", "--dim", "36", "--loss", "5", "--only", "models")
    assert code == 0
    assert "models: Patches, N = 8000, D = 36, 5 nats left" in out
