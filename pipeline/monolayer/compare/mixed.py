"""A mixed model of all media at once, the donor a random block.

It is fitted to one mean a donor and medium, so that the residual is the donor's own reaction to
the medium (and what is left of wells), which is what a difference must be held against. Fitted to
wells it would take them for donors. Every donor counts, those without all media too.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from monolayer.compare.outcomes import DonorMean
from monolayer.errors import MissingExtraError

__all__ = ["BlockEffect", "block_model", "fit_blocks"]


@dataclass(frozen=True, slots=True)
class BlockEffect:
    """A medium less the reference by the mixed model, on the endpoint's scale.

    Attributes
    ----------
    difference, ci_low, ci_high : float
        Estimate, and Student's t interval with the containment degrees of freedom.
    free : int
        Those: means less donors less media plus 1.
    donor_sd : float
        Standard deviation between donors.
    """

    difference: float
    ci_low: float
    ci_high: float
    free: int
    donor_sd: float


def block_model(
    means: Mapping[str, Mapping[str, DonorMean]], reference: str, confidence: float
) -> dict[str, BlockEffect]:
    """Fit by REML (statsmodels' MixedLM); media without an estimate are left out.

    Parameters
    ----------
    means : mapping
        By medium, then donor.
    reference : str
        Medium that the others are held against.
    confidence : float
        Of the intervals.

    Returns
    -------
    dict of str to BlockEffect
        Empty where the means leave no degree of freedom.
    """
    media = [name for name in means if name != reference and means[name]]
    rows = [
        (donor, media.index(medium) + 1 if medium != reference else 0, mean.value)
        for medium, donors in means.items()
        for donor, mean in donors.items()
    ]
    donors = sorted({donor for donor, _, _ in rows})
    free = len(rows) - len(donors) - len(media)
    if free < 1 or reference not in means or not media:
        return {}
    values = np.array([value for _, _, value in rows])
    spread = float(np.std(values)) or 1.0
    fixed = np.zeros((len(rows), len(media) + 1))
    fixed[:, 0] = 1
    for i, (_, place, _) in enumerate(rows):
        if place:
            fixed[i, place] = 1
    fit = fit_blocks((values - values.mean()) / spread, fixed, [donor for donor, _, _ in rows])
    reach = float(special.stdtrit(free, (1 + confidence) / 2))
    found = {}
    for place, medium in enumerate(media, 1):
        middle, error = fit[0][place] * spread, fit[1][place] * spread
        if math.isfinite(error):
            found[medium] = BlockEffect(
                middle, middle - reach * error, middle + reach * error, free, fit[2] * spread
            )
    return found


def fit_blocks(
    values: "np.ndarray", fixed: "np.ndarray", donors: list[str]
) -> tuple[list[float], list[float], float]:
    """Estimates and standard errors of fixed columns, and the SD between donors, by REML.

    Raises
    ------
    MissingExtraError
        statsmodels is not installed.
    """
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM
    except ImportError:
        raise MissingExtraError.named("statsmodels", "science") from None
    model = MixedLM(values, fixed, donors)
    with warnings.catch_warnings():
        # Donors that do not differ put their variance on the boundary, of which it warns.
        warnings.simplefilter("ignore")
        try:
            fit = model.fit(reml=True, method=["lbfgs", "powell"])
        except np.linalg.LinAlgError:  # a step of lbfgs beyond what can be inverted
            fit = model.fit(reml=True, method=["powell"])
        errors = np.sqrt(np.diag(np.asarray(fit.cov_params()))[: fixed.shape[1]])
    between = math.sqrt(max(float(np.asarray(fit.cov_re)[0, 0]), 0.0))
    return np.asarray(fit.fe_params).tolist(), errors.tolist(), between
