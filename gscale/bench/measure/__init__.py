"""Measuring one cell: how layers are fitted, one file for each kind of training."""
