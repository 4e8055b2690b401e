"""Names of classes in files."""

from collections import Counter

from gscale import naming


def test_stored_names_are_unique_over_all_folders():
    kinds = [kind for folder in naming._FOLDERS for kind in naming._dataclasses(f"gscale.{folder}")]
    counts = Counter(map(naming.stored_name, kinds))
    assert {name for name, count in counts.items() if count > 1} == set()
    assert all(naming.is_stored(kind) for kind in kinds)
