"""The ``gscale`` command: one file for each group of commands."""
