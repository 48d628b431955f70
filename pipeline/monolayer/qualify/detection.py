"""Limit of blank and limit of detection: from how few cells on the method tells them from none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from monolayer.errors import InputError

__all__ = ["Detection", "detection_limit"]

_LEAST = 3


@dataclass(frozen=True, slots=True)
class Detection:
    """Limits in the unit of the measurements.

    Attributes
    ----------
    n_blanks, n_low : int
        Measurements that went in.
    blank_mean, low_sd : float
        Mean of the blanks, standard deviation of the low samples.
    limit_of_blank, limit_of_detection : float
        By the parametric rule.
    method : str
        The rule, in words.
    """

    n_blanks: int
    n_low: int
    blank_mean: float
    low_sd: float
    limit_of_blank: float
    limit_of_detection: float
    method: str


def detection_limit(
    blanks: Sequence[float], low: Sequence[Sequence[float]], error: float = 0.05
) -> Detection:
    """Limit of detection by blanks and by low samples.

    Parameters
    ----------
    blanks : sequence of float
        Measurements without cells.
    low : sequence of sequence of float
        Repeats of each sample of low concentration; their pooled standard deviation is taken.
    error : float
        Chance of a false alarm, and of a miss at the limit of detection.

    Raises
    ------
    InputError
        Fewer than three blanks, or low samples without repeats.

    Notes
    -----
    CLSI EP17-A2, parametric: LoB = mean + z SD of blanks, LoD = LoB + z SD of low samples / (1 -
    1/(4 f)), with f degrees of freedom of the pooled SD.
    """
    free = sum(len(each) - 1 for each in low)
    if len(blanks) < _LEAST or free < _LEAST:
        raise InputError(
            f"{len(blanks)} blanks and {sum(map(len, low))} low measurements are too few for a "
            f"limit of detection; give {_LEAST} blanks (fraction 0) and repeated low samples."
        )
    z = float(special.ndtri(1 - error))
    mean, blank_sd = _mean(blanks), math.sqrt(_squares(blanks) / (len(blanks) - 1))
    low_sd = math.sqrt(math.fsum(_squares(each) for each in low) / free)
    blank = mean + z * blank_sd
    return Detection(
        n_blanks=len(blanks),
        n_low=sum(map(len, low)),
        blank_mean=mean,
        low_sd=low_sd,
        limit_of_blank=blank,
        limit_of_detection=blank + z * low_sd / (1 - 1 / (4 * free)),
        method="CLSI EP17-A2, parametric",
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _squares(values: Sequence[float]) -> float:
    middle = _mean(values)
    return math.fsum((value - middle) ** 2 for value in values)
