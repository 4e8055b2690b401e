from .resumable import ResumableTable as ResumableTable
from .schema import HISTOGRAMS as HISTOGRAMS
from .schema import KINDS as KINDS
from .schema import SCHEMA as SCHEMA
from .settings import label as label
from .settings import to_json as to_json
from .status import Status as Status
from .status import statuses as statuses
from .tables import merge as merge
from .tables import read_failures as read_failures
from .tables import read_histograms as read_histograms
from .tables import read_tables as read_tables
from .tables import write_cell as write_cell

__all__ = [
    "HISTOGRAMS",
    "KINDS",
    "SCHEMA",
    "ResumableTable",
    "Status",
    "label",
    "merge",
    "read_failures",
    "read_histograms",
    "read_tables",
    "statuses",
    "to_json",
    "write_cell",
]
