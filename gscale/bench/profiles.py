"""How large a sweep is run."""

from typing import Literal

Profile = Literal["ci", "quick", "full"]
