"""Flows, chains of layers with a density: fitting, training, files and rows larger than memory."""
