"""Detectors of anomalies side by side, on the same sets."""
