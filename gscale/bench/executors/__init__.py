"""Running many cells: claimed, measured, written and, where they fail, recorded."""
