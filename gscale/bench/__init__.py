"""Measuring: what to run, one cell run, the tables, the slopes."""
