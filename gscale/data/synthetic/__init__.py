"""Distributions with an exact log-density at any D."""
