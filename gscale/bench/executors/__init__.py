"""Running many cells: locked, measured, written and, where they fail, recorded."""
