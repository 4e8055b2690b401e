"""One look for all figures."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import seaborn as sns


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of gscale's figures; the same figure is the same file each time."""
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("notebook"),
        mpl.rc_context({"svg.hashsalt": "gscale"}),
    ):
        yield
