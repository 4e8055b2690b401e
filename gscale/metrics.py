"""Losses, in nats for the whole vector (never per dimension)."""

import math

import jax.numpy as jnp
from jax import Array


def normal_log_prob(z: Array) -> Array:
    """Log-density of N(0, I) at the points z (…, D) → (…), in nats.

    Examples
    --------
    >>> round(float(normal_log_prob(jnp.zeros(2))), 4)
    -1.8379
    """
    return -0.5 * (z**2).sum(-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)


def negative_log_likelihood(z: Array, log_det: Array) -> Array:
    """Mean −log q(x) over rows whose images are z (N, D); ``log_det`` (N,) or its mean, in nats.

    It is KL(p ‖ q) plus the entropy of p.

    Examples
    --------
    >>> round(float(negative_log_likelihood(jnp.zeros((5, 2)), jnp.ones(5))), 4)
    0.8379
    """
    return -normal_log_prob(z).mean() - log_det.mean()


def gaussian_kl(covariance: Array) -> Array:
    """KL(N(0, Σ) ‖ N(0, I)) = ½ (Tr Σ − D − log det Σ) of a covariance (D, D), in nats.

    Examples
    --------
    >>> round(float(gaussian_kl(jnp.array([[1.0, 0.6], [0.6, 1.0]]))), 4)
    0.2231
    """
    log_det = jnp.linalg.slogdet(covariance)[1]
    return 0.5 * (jnp.trace(covariance) - covariance.shape[-1] - log_det)
