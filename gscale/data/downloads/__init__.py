"""Data sets that are fetched once, into the cache."""
