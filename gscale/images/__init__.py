"""Small images: a classifier from few characters, generators of new ones, and how good these are."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
