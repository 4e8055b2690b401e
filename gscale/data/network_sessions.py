"""Network sessions of KDD Cup 1999 and of NSL-KDD, which have the same columns."""

from pathlib import Path

import pandas as pd

from gscale.data.readers import parse_csv, read_bytes
from gscale.errors import InputError

_NAMES = """duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot
    num_failed_logins logged_in num_compromised root_shell su_attempted num_root num_file_creations num_shells
    num_access_files num_outbound_cmds is_host_login is_guest_login count srv_count serror_rate
    srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate diff_srv_rate srv_diff_host_rate dst_host_count
    dst_host_srv_count dst_host_same_srv_rate dst_host_diff_srv_rate dst_host_same_src_port_rate
    dst_host_srv_diff_host_rate dst_host_serror_rate dst_host_srv_serror_rate dst_host_rerror_rate
    dst_host_srv_rerror_rate"""
COLUMNS = tuple(_NAMES.split())
_TEXT = ("protocol_type", "service", "flag", "label")


def read_sessions(path: Path) -> pd.DataFrame:
    """Sessions in a file as published, or under a header; decompressed if it ends in .gz.

    Returns
    -------
    pd.DataFrame
        The 41 columns and ``label``, "normal" or the name of an attack. The difficulty, which NSL-KDD has as
        a last column, is left out.

    Raises
    ------
    InputError
        If there is no such file, or it has other columns.
    """
    content = read_bytes(path)
    start = content.find(b"\n") + 1 if content.startswith(b"duration,") else 0
    n_columns = content[start:].partition(b"\n")[0].count(b",") + 1
    n_more = n_columns - len(COLUMNS)
    if n_more not in (1, 2):
        raise InputError(
            f"{path} has {n_columns} columns: network sessions have {len(COLUMNS)}, a label and, in NSL-KDD, "
            "a difficulty"
        )
    table = parse_csv(path, content, [*COLUMNS, "label", "difficulty"][:n_columns], _TEXT)
    frame: pd.DataFrame = table.select([*COLUMNS, "label"]).to_pandas()
    return frame.assign(label=frame["label"].str.rstrip("."))  # KDD Cup 1999 ends labels with a full stop
