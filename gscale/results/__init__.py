"""Results on disk: the schema, tables, locks, journals and what migrates older files."""
