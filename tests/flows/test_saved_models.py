"""Saved models: any of the public specs can be in one, and reading one makes nothing else."""

import dataclasses
import json
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save as as_safetensors

import gscale
from gscale import (
    ICA,
    MLP,
    PCA,
    AffineTransformer,
    AllParameters,
    Coupling,
    EarlyStopping,
    GaussianizationDensity,
    GaussianizationDetector,
    Haar,
    Hadamard,
    Householder,
    Identity,
    InformationCriterion,
    InputError,
    LayerSpec,
    LearnedRotation,
    Linear,
    LinearCoupling,
    Logistic,
    MarginalParameters,
    MixtureCDF,
    Moments,
    Normal,
    Permutation,
    Quantiles,
    SlicedWasserstein,
    SplineTransformer,
    TrainableRotation,
    TrainedLayer,
    Training,
    fit_end_to_end,
    fit_layerwise,
    load_flow,
    save_flow,
)
from gscale.bijections.constraints import NonTrainable
from gscale.estimators import (
    Frequency,
    Impute,
    LogDensity,
    NormalScores,
    OneHot,
    Radius,
    Raise,
    load_density,
    load_detector,
    save_density,
    save_detector,
)
from gscale.flows import serialisation
from gscale.naming import class_named, is_stored

FEW = Training(n_steps=2, batch_size=16, n_checks=1)
ROTATIONS = [
    Haar(),
    Hadamard(),
    Householder(2),
    Identity(),
    Permutation(),
    PCA(),
    ICA(n_steps=2),
    SlicedWasserstein(1, n_steps=1),
    LearnedRotation(n_steps=1, batch_size=64),
    TrainableRotation(),
]
MARGINALS = [
    Moments(),
    Quantiles(8),
    MixtureCDF(2, Logistic(), n_steps=2),
    TrainedLayer(Quantiles(8), FEW),
]
COUPLINGS = [
    LinearCoupling(),
    Coupling(AffineTransformer(), Linear(), training=FEW),
    Coupling(SplineTransformer(4), MLP(4, 1), n_active=1, training=FEW),
]
LAYERS = [
    LayerSpec(Haar(), Moments()),
    TrainedLayer(LayerSpec(TrainableRotation(), Moments(), COUPLINGS[1]), FEW, MarginalParameters()),
]
# Specs that stand as parameters of others, and are not fitted to rows on their own.
PARTS = [
    AllParameters(),
    MarginalParameters(),
    AffineTransformer(),
    SplineTransformer(),
    MLP(),
    Linear(),
    Normal(),
    Logistic(),
    Training(),
    EarlyStopping(),
    InformationCriterion(),
    NormalScores(),
    LogDensity(),
    Radius(),
    OneHot(),
    Frequency(),
    Impute(),
    Raise(),
]
X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
PAIRS = [(rotation, marginal) for rotation in ROTATIONS for marginal in MARGINALS]
# Each rotation and each marginal once or more; the others are combinations of the same parts.
COVERING = [(rotation, MARGINALS[i % len(MARGINALS)]) for i, rotation in enumerate(ROTATIONS)]


def pair(rotation, marginal):
    marks = () if (rotation, marginal) in COVERING else pytest.mark.long
    return pytest.param(rotation, marginal, marks=marks, id=f"{name(rotation)}-{name(marginal)}")


def name(spec):
    return type(spec).__name__


@pytest.mark.parametrize(("rotation", "marginal"), [pair(*both) for both in PAIRS])
def test_a_density_and_a_detector_over_every_pair_of_public_rotation_and_marginal_spec(
    rotation, marginal, tmp_path
):
    """Is saved, loaded and scores the same."""
    density = GaussianizationDensity(rotation=rotation, marginal=marginal, n_layers=1, random_state=0)
    detector = GaussianizationDetector(density, n_flows=1, random_state=0, false_alarm_rate=0.2).fit(X)
    save_detector(tmp_path / "detector.safetensors", detector)
    save_density(tmp_path / "density.safetensors", detector.density_)
    again = load_detector(tmp_path / "detector.safetensors")
    assert (again.density.rotation, again.density.marginal) == (rotation, marginal)
    np.testing.assert_array_equal(again.score_samples(X), detector.score_samples(X))
    np.testing.assert_array_equal(again.p_values(X), detector.p_values(X))
    alone = load_density(tmp_path / "density.safetensors")
    np.testing.assert_array_equal(alone.score_samples(X), detector.density_.score_samples(X))


def test_every_public_spec_is_in_these_lists():
    """A new public spec is a new row above, so that it is known to be saved."""
    listed = {type(spec) for spec in [*ROTATIONS, *MARGINALS, *COUPLINGS, *LAYERS, *PARTS]}
    public = {getattr(gscale, public_name) for public_name in gscale.__all__}
    specs = {
        kind
        for kind in public
        if isinstance(kind, type) and is_stored(kind) and not issubclass(kind, eqx.Module)
    }
    assert specs - listed == set()
    fitted = {kind for kind in specs if hasattr(kind, "fit")}
    assert fitted == {type(spec) for spec in [*ROTATIONS, *MARGINALS, *COUPLINGS, *LAYERS]}


@pytest.mark.parametrize("spec", [*ROTATIONS, *MARGINALS, *COUPLINGS], ids=name)
def test_a_spec_fits_a_map_whose_name_says_so(spec):
    fitted = jax.eval_shape(lambda x: spec.fit(jax.random.key(0), x), jnp.asarray(X))
    assert type(fitted).__name__.endswith("Map")
    assert is_stored(type(fitted))


@pytest.mark.parametrize("spec", LAYERS, ids=name)
def test_a_layer_spec_fits_a_layer(spec):
    fitted = jax.eval_shape(lambda x: spec.fit(jax.random.key(0), x), jnp.asarray(X))
    assert type(fitted).__name__ == "Layer"


@pytest.mark.parametrize("conditioner", [MLP(), Linear()])
def test_a_conditioner_starts_from_a_map(conditioner):
    network = conditioner.start(jax.random.key(0), jnp.asarray(X), jnp.asarray(X))
    assert type(network).__name__ == f"{name(conditioner)}Map"


@pytest.mark.parametrize("part", [*PARTS, *LAYERS, None, (1, 2.5, "text"), {"a": [True, None]}], ids=str)
def test_specs_come_back_as_they_were(part, tmp_path):
    serialisation.save(tmp_path / "part.safetensors", "part", part, {})
    assert serialisation.load(tmp_path / "part.safetensors", "part") == part


def test_numbers_of_numpy_are_numbers(tmp_path):
    spec = Quantiles(np.int64(8), bandwidth=np.float32(0.5))
    serialisation.save(tmp_path / "part.safetensors", "part", spec, {})
    assert serialisation.load(tmp_path / "part.safetensors", "part") == Quantiles(8, bandwidth=0.5)


@pytest.mark.parametrize("coupling", COUPLINGS, ids=name)
def test_trained_flows_with_couplings_come_back(coupling, tmp_path):
    x = jnp.asarray(X)
    flow, _ = fit_layerwise(jax.random.key(0), x, LayerSpec(Householder(2), Moments(), coupling), 2)
    flow, _ = fit_end_to_end(jax.random.key(1), x, flow, FEW)
    save_flow(tmp_path / "flow.safetensors", flow)
    again = load_flow(tmp_path / "flow.safetensors")
    assert jax.tree.structure(again) == jax.tree.structure(flow)
    assert eqx.tree_equal(eqx.filter(again, eqx.is_array), eqx.filter(flow, eqx.is_array))


def with_header(path, structure, **other):
    """A file as `save` would write it, with a structure of our own."""
    header = {
        "format": "2",
        "gscale": "0",
        "kind": "part",
        "summary": "{}",
        "structure": json.dumps(structure),
    }
    header |= other
    path.write_bytes(as_safetensors({}, {**header, "sha256": serialisation._checksum(header, {})}))
    return path


def refused(call, message):
    with pytest.raises(InputError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_files_of_the_first_format_are_refused(tmp_path):
    structure = {"of": "gscale.rotations:Haar", "fields": {}}
    path = with_header(tmp_path / "x.safetensors", structure, format="1")
    refused(
        lambda: serialisation.load(path, "part"),
        "has format '1', this gscale reads '2': fit and save it again",
    )


@pytest.mark.parametrize(
    "kind",
    ["os:system", "system", "gscale.bijections.rotations:Haar", "InputError", "Spec", "save", "_Trial"],
)
def test_a_file_names_nothing_but_specs_and_maps(kind, tmp_path):
    path = with_header(tmp_path / "x.safetensors", {"class": kind, "fields": {}})
    refused(lambda: serialisation.load(path, "part"), "is no map or spec of gscale")


@pytest.mark.parametrize("kind", ["ArrayChunks", "ParquetChunks", "Checkpoint"])
def test_a_file_opens_no_other(kind, tmp_path):
    assert class_named(kind) is None
    path = with_header(tmp_path / "x.safetensors", {"class": kind, "fields": {"path": "/etc/passwd"}})
    refused(lambda: serialisation.load(path, "part"), "is no map or spec of gscale")


@pytest.mark.parametrize(
    "structure",
    [
        {"class": "Quantiles", "fields": {"n_bins": -1}},
        {"class": "Quantiles", "fields": {"bins": 8}},
        {"class": "RotationMap", "fields": {}},
        {"class": ["Haar"], "fields": {}},
        {"class": "Haar"},
        {"else": 1},
    ],
    ids=str,
)
def test_a_structure_that_is_none_is_refused(structure, tmp_path):
    path = with_header(tmp_path / "x.safetensors", structure)
    refused(lambda: serialisation.load(path, "part"), "n_bins is -1|is no part saved by gscale")


@dataclass(frozen=True)
class MyRotation:
    def fit(self, key, x):
        return Haar().fit(key, x)


MyHaar = dataclasses.make_dataclass("Haar", [], bases=(Haar,), frozen=True)


class MyRotationMap(eqx.Module):
    matrix: jax.Array


@pytest.mark.parametrize(
    "part",
    [MyRotation(), MyHaar(), MyRotationMap(jnp.eye(2)), lambda x: x, object(), InputError("x"), X.tobytes()],
    ids=name,
)
def test_what_is_not_of_gscale_is_not_saved(part, tmp_path):
    """A class of the user's, even if it is named like one of gscale's."""
    path = tmp_path / "x.safetensors"
    refused(
        lambda: serialisation.save(path, "part", {"inside": (part,)}, {}),
        f"a {name(part)} cannot be saved: only the specs and maps of gscale can be",
    )
    assert not path.exists()


def test_a_rotation_of_the_users_is_not_saved_with_a_detector(tmp_path):
    density = GaussianizationDensity(rotation=MyHaar(), marginal=Moments(), n_layers=1, random_state=0)
    detector = GaussianizationDetector(density, n_flows=1, false_alarm_rate=0.2, random_state=0).fit(X)
    refused(lambda: save_detector(tmp_path / "x.safetensors", detector), "a Haar cannot be saved")
    refused(lambda: save_density(tmp_path / "x.safetensors", detector.density_), "a Haar cannot be saved")


def test_parameters_held_fixed_are_saved(tmp_path):
    serialisation.save(tmp_path / "x.safetensors", "part", NonTrainable(jnp.eye(2)), {})
    again = serialisation.load(tmp_path / "x.safetensors", "part")
    assert isinstance(again, NonTrainable)
    np.testing.assert_array_equal(again.value, np.eye(2))
