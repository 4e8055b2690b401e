"""From loss curves to slopes: how many layers, and how that number grows with D."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
