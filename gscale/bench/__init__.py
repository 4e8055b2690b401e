"""Measuring: what to run, one cell run, and many of them; all that a user's sweep file needs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
