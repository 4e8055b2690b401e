from .resumable import ResumableTable as ResumableTable
from .schema import HISTOGRAMS as HISTOGRAMS, KINDS as KINDS, SCHEMA as SCHEMA
from .settings import label as label, to_json as to_json
from .status import Status as Status, statuses as statuses
from .tables import (
    merge as merge,
    read_failures as read_failures,
    read_histograms as read_histograms,
    read_tables as read_tables,
    write_cell as write_cell,
)
