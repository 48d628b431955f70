"""Random numbers that are the same on every machine.

Everything is made from `Generator.random` of a PCG64 seeded by a `SeedSequence`: the top 53
bits of the stream, which numpy has never changed and which no mathematical library touches.
Generator's other methods may change between numpy versions, so they are not used. What comes
of ``exp``, ``log`` or ``ndtri`` can differ in the last bit between machines: the few numbers
drawn once an object are rounded to 2**-20, and each pixel's noise is rounded to a grey level
only once, at the end, where such a difference flips one grey level in about 1e13.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["Draws", "quantise"]

GRID = 2.0**20


def quantise(value: float) -> float:
    """Round to a multiple of 2**-20, to forget the last bits of a mathematical library."""
    return math.floor(value * GRID + 0.5) / GRID


class Draws:
    """A stream of random numbers of one field.

    Parameters
    ----------
    seed, index : int
        Seed of the plate and position of the field in it; both at least 0.

    Raises
    ------
    ValueError
        The seed or the index is negative.
    """

    def __init__(self, seed: int, index: int) -> None:
        if seed < 0 or index < 0:
            raise ValueError(f"seed {seed} and index {index} must be at least 0.")
        self._generator = np.random.Generator(
            np.random.PCG64(np.random.SeedSequence([seed, index]))
        )

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number in [low, high)."""
        return low + (high - low) * float(self._generator.random())

    def normal(self) -> float:
        """One standard normal number."""
        return quantise(float(self.normals(())))

    def normals(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Independent standard normal numbers by inversion; |z| stays below 8.3."""
        below_one = self._generator.random(shape)
        values: NDArray[Any] = ndtri(below_one * (1 - 2.0**-53) + 2.0**-54)
        return values

    def log_normal(self, median: float, cv: float) -> float:
        """One log-normal number of this median and coefficient of variation, within 3 SD."""
        z = min(max(self.normal(), -3.0), 3.0)
        return quantise(median * math.exp(math.sqrt(math.log1p(cv * cv)) * z))

    def count(self, mean: float) -> int:
        """One Poisson number, by inversion for small means and a normal law above 50."""
        if mean > 50:
            return max(0, math.floor(mean + math.sqrt(mean) * self.normal() + 0.5))
        n, u = 0, self.uniform()
        term = total = math.exp(-mean)
        while u >= total and n < 1000:
            n += 1
            term *= mean / n
            total += term
        return n

    def happens(self, probability: float) -> bool:
        """Whether an event of this probability happens."""
        return self.uniform() < probability

    def index(self, size: int) -> int:
        """One of 0 .. size - 1."""
        return min(int(self.uniform() * size), size - 1)

    def angle(self) -> float:
        """One direction in radians."""
        return self.uniform(0, 2 * math.pi)
