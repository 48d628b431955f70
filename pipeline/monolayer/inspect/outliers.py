"""Fields out of focus beside their neighbours: no universal limit exists, the plate is the ruler.

Sharp fields of one microscope may have the slope of blurred ones of another (-2.6 and -1.8 on
the annotated images), but within a plate a blurred field stands apart.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer.inspect.settings import InspectSettings

__all__ = ["MIN_FIELDS", "blurred_beside"]

MIN_FIELDS = 8
# Fields alike to the last digit would make any difference an outlier.
_LEAST_DIFFERENCE = 1.0
_SD_OF_MAD = 1.4826


def blurred_beside(slopes: NDArray[np.float64], settings: InspectSettings) -> NDArray[np.bool_]:
    """Say which fields of a plate are out of focus beside the others.

    Parameters
    ----------
    slopes : ndarray of float64, shape (n,)
        ``focus_log_log_slope`` of fields with something to be in focus.
    settings : InspectSettings
        ``max_focus_deviation``; None judges no field.

    Returns
    -------
    ndarray of bool, shape (n,)
        Fields whose slope lies more than so many robust standard deviations (1.4826 MAD), and
        more than 1.0, below the median. None of them where there are fewer than `MIN_FIELDS`.
    """
    limit = settings.max_focus_deviation
    if limit is None or slopes.size < MIN_FIELDS:
        return np.zeros(slopes.shape, bool)
    below = np.median(slopes) - slopes
    spread = _SD_OF_MAD * np.median(np.abs(below))
    blurred: NDArray[np.bool_] = (below > limit * spread) & (below > _LEAST_DIFFERENCE)
    return blurred
