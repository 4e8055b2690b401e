"""How many layers does an invertible model need as the dimension grows? With error bars."""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gscale._public import *  # noqa: F403 - for type checkers, who see no __getattr__
    from gscale._public import __all__ as __all__
else:

    def __getattr__(name):
        """A room, or a public name: imported when asked for, so that reading tables starts without JAX."""
        if find_spec(f"gscale.{name}") is not None:
            return import_module(f"gscale.{name}")
        return getattr(import_module("gscale._public"), name)

    def __dir__():
        return sorted({*globals(), *import_module("gscale._public").__all__})


__version__ = version("gscale")
