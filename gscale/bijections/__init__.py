"""Invertible maps of one point and the specs that fit them: rotations, marginals, couplings."""
