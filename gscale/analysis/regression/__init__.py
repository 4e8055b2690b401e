"""Whether slopes and levels are still what they were: the check that CI runs."""
