"""Results on disk: the schema, tables, locks, journals and what migrates older files; without JAX."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
