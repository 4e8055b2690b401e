"""Classifiers and generators of small images, set side by side."""
