"""How many layers does an invertible model need as the dimension grows? With error bars."""

from importlib.metadata import version

import lazy_loader

# Public names are imported when they are asked for, so that reading tables starts without JAX.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = version("gscale")
