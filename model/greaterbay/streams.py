"""Keyed random draws: a draw is a function of (seed, stream, quarter, identity, number), never "the next one".

The generator is SplitMix64 (Steele, Lea & Flood 2014) used as a hash: the five keys are mixed one
after the other, and the 64 bits that come out give one uniform number in (0, 1). So adding an agent,
changing the order of replicates or the number of threads changes nobody else's draws.

Every stochastic decision has a named stream in ``STREAMS``. Categorical choices use Gumbel noise per
option, counts use inversion of one uniform, so that a small change of a policy flips few outcomes.
"""

from __future__ import annotations

import hashlib
import math

import numba
import numpy as np

from greaterbay.kernels import inlined, kernel

STREAMS = (
    "initial",
    "introduction",
    "look", "offer", "offer_city", "job_utility", "job_rank", "age", "graduates", "newcomers", "leave",
    "layoff", "rounding",
    "seek", "candidate", "tie_utility", "tie_life",
    "alliance", "invention", "quality", "recombine", "member",
    "stage_time", "stage_success", "pilot_money", "lapse", "facility",
    "transfer_need", "transfer_offer", "transfer_utility", "transfer_channel",
    "grant", "venture_signal", "venture_pick", "credit", "exit_fund", "joint_fund",
    "growth_variance", "growth_shock", "entry", "entry_traits", "exit", "relocate", "relocate_city",
    "adopt", "adopt_risk", "probe",
    "execution", "award", "clawback", "direct", "training", "teams", "named", "site_offer", "disposal",
)


def stream_key(name: str) -> np.uint64:
    """64-bit key of a named stream; an unknown name is refused."""
    if name not in STREAMS:
        raise KeyError(f"unknown stream {name!r}; streams are declared in greaterbay.streams.STREAMS")
    return np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def identity_of(*parts: int | str) -> np.uint64:
    """64-bit identity made of numbers and names, for example (city, field, quarter, ordinal)."""
    text = "|".join(str(part) for part in parts)
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))


@inlined
def mix(z):
    """Finaliser of SplitMix64."""
    z = (z ^ (z >> numba.uint64(30))) * numba.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numba.uint64(27))) * numba.uint64(0x94D049BB133111EB)
    return z ^ (z >> numba.uint64(31))


@inlined
def combine(key, value):
    """Mix one more key into a hash."""
    return mix(numba.uint64(key) + numba.uint64(0x9E3779B97F4A7C15) * (numba.uint64(value) + numba.uint64(1)))


@kernel
def pair_identity(a, b):
    """Identity of an unordered pair: the same for (a, b) and (b, a)."""
    if a < b:
        return combine(a, b)
    return combine(b, a)


@inlined
def uniform(key, identity, number):
    """Uniform draw in (0, 1) for an identity under a key made by ``Streams.key``."""
    z = combine(combine(key, identity), number)
    return (float(z >> numba.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@inlined
def gumbel(key, identity, number):
    """Standard Gumbel draw."""
    return -math.log(-math.log(uniform(key, identity, number)))


@inlined
def gumbel_below(u, level):
    """True only when the Gumbel draw of the uniform ``u`` is surely below ``level``: a cheap test before two logarithms.

    The draw reaches the level when -ln u <= exp(-level); as 1 - u <= -ln u and, for x >= 0, 1 + x + x**2/2 + x**3/6 <= exp(x),
    it cannot when (1 - u) times that sum is above one (by more than rounding).
    """
    return level > 0.0 and (1.0 - u) * (1.0 + level * (1.0 + level * (0.5 + level * (1.0 / 6.0)))) > 1.0 + 1e-9


@kernel
def normal_quantile(u):
    """Quantile of the standard normal distribution (Acklam's rational approximation, error below 1.2e-9)."""
    if u < 0.02425:
        q = math.sqrt(-2.0 * math.log(u))
        return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e00) * q
                  - 2.549732539343734e00) * q + 4.374664141464968e00) * q + 2.938163982698783e00) / (
            (((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e00) * q
             + 3.754408661907416e00) * q + 1.0)
    if u > 1.0 - 0.02425:
        return -normal_quantile_low(1.0 - u)
    q = u - 0.5
    r = q * q
    return (((((-3.969683028665376e01 * r + 2.209460984245205e02) * r - 2.759285104469687e02) * r
              + 1.383577518672690e02) * r - 3.066479806614716e01) * r + 2.506628277459239e00) * q / (
        ((((-5.447609879822406e01 * r + 1.615858368580409e02) * r - 1.556989798598866e02) * r
          + 6.680131188771972e01) * r - 1.328068155288572e01) * r + 1.0)


@kernel
def normal_quantile_low(u):
    """Lower tail of ``normal_quantile`` (u below 0.02425)."""
    q = math.sqrt(-2.0 * math.log(u))
    return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e00) * q
              - 2.549732539343734e00) * q + 4.374664141464968e00) * q + 2.938163982698783e00) / (
        (((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e00) * q
         + 3.754408661907416e00) * q + 1.0)


@kernel
def normal(key, identity, number):
    """Standard normal draw from one uniform."""
    return normal_quantile(uniform(key, identity, number))


@kernel
def negative_binomial(u, mean, size):
    """Count with the given mean and dispersion ``size`` (variance = mean + mean**2 / size), by inversion of ``u``.

    A mean of zero gives zero. The count stops at 10,000, far beyond anything a quarter can hold.
    """
    if mean <= 0.0:
        return 0
    ratio = mean / (mean + size)
    probability = (1.0 - ratio) ** size
    cumulative = probability
    count = 0
    while u > cumulative and count < 10000:
        probability *= ratio * (count + size) / (count + 1.0)
        count += 1
        cumulative += probability
        if probability < 1e-18 and count > mean:
            break
    return count


@kernel
def rounded(x, u):
    """Round ``x`` up with probability equal to its fraction, by one uniform: the expectation is exact."""
    whole = math.floor(x)
    if u < x - whole:
        return int(whole) + 1
    return int(whole)


@kernel
def _fill_uniform(key, identities, number, out):
    for i in range(identities.shape[0]):
        out[i] = uniform(key, identities[i], number)


@kernel
def _fill_normal(key, identities, number, out):
    for i in range(identities.shape[0]):
        out[i] = normal(key, identities[i], number)


@kernel
def _fill_keys(keys, quarter, out):
    for i in range(keys.shape[0]):
        out[i] = combine(keys[i], quarter)


class Streams:
    """The streams of one replicate.

    Parameters
    ----------
    seed, replicate
        ``replicate`` k depends on (seed, k) only.
    """

    def __init__(self, seed: int, replicate: int = 0):
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed {seed}: allowed 0 <= seed < 2**63")
        self.seed, self.replicate = int(seed), int(replicate)
        self._base = identity_of("greaterbay", seed, replicate)
        self._keys = np.array([combine(self._base, stream_key(name)) for name in STREAMS], np.uint64)
        self._of_quarter: dict[int, dict[str, np.uint64]] = {}

    def key(self, name: str, quarter: int) -> np.uint64:
        """Key of a stream in a quarter, the first argument of every draw."""
        keys = self._of_quarter.get(quarter)
        if keys is None:  # of all streams at once: one call of a kernel and not fifty
            out = np.empty_like(self._keys)
            _fill_keys(self._keys, np.uint64(quarter), out)
            keys = self._of_quarter[quarter] = dict(zip(STREAMS, out, strict=True))
        found = keys.get(name)
        if found is None:
            raise KeyError(f"unknown stream {name!r}; streams are declared in greaterbay.streams.STREAMS")
        return found

    def uniforms(self, name: str, quarter: int, identities: np.ndarray, number: int = 0) -> np.ndarray:
        """Uniform draws for an array of identities (uint64), shape kept."""
        ids = np.ascontiguousarray(identities, dtype=np.uint64)
        out = np.empty(ids.size)
        _fill_uniform(self.key(name, quarter), ids.ravel(), number, out)
        return out.reshape(ids.shape)

    def normals(self, name: str, quarter: int, identities: np.ndarray, number: int = 0) -> np.ndarray:
        """Standard normal draws for an array of identities (uint64), shape kept."""
        ids = np.ascontiguousarray(identities, dtype=np.uint64)
        out = np.empty(ids.size)
        _fill_normal(self.key(name, quarter), ids.ravel(), number, out)
        return out.reshape(ids.shape)
