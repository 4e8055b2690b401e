"""Which model, how many layers and what cost, at any D: from the tables and what is fitted to them."""

from gscale.analysis.advice.advice_text import lines, records
from gscale.analysis.advice.advisor import Advice, Crossing, Model, advise, best

__all__ = ["Advice", "Crossing", "Model", "advise", "best", "lines", "records"]
