"""Settings for all tests: a shape that broadcasts by accident is an error."""

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Run a test in both precisions, float64 enabled for its own."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param
