"""Viability from counts of living and dead cells: the share, its intervals, what is left in doubt.

Indeterminate cells are in neither count; what the viability would be if all of them were dead, or
living, bounds it both ways. Of several fields the counts are pooled, and as cells die in patches,
the spread between fields is held against the binomial one: where it is wider, it decides.

The share is of the cells in the image. Dead adherent cells come off, so in a culture vessel it is
the *adherent-fraction viability*, which no release limit is meant for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from monolayer.summarise.intervals import (
    Interval,
    clopper_pearson_interval,
    no_interval,
    wilson_interval,
)

__all__ = [
    "CLUSTER_COLUMNS",
    "VIABILITY_COLUMNS",
    "Counts",
    "between_fields",
    "viability_between_fields",
    "viability_figures",
]

Cell = int | float | str | None

VIABILITY_COLUMNS: list[tuple[str, str]] = [
    ("viability", "float64"),
    ("viability_ci_low", "float64"),
    ("viability_ci_high", "float64"),
    ("viability_ci_method", "string"),
    ("viability_lower_bound", "float64"),
    ("viability_lower_bound_method", "string"),
    ("viability_if_indeterminate_dead", "float64"),
    ("viability_if_indeterminate_live", "float64"),
    ("viability_reason", "string"),
]

CLUSTER_COLUMNS: list[tuple[str, str]] = [
    ("viability_cluster_ci_low", "float64"),
    ("viability_cluster_ci_high", "float64"),
    ("viability_cluster_ci_method", "string"),
    ("viability_cluster_lower_bound", "float64"),
    ("viability_heterogeneity_p", "float64"),
    ("viability_design_effect", "float64"),
    ("viability_decides", "string"),
]

# Below this chance the fields differ by more than the draw of their cells.
_DIFFER_P = 0.05


@dataclass(frozen=True, slots=True)
class Counts:
    """Cells of one field, or of several."""

    live: int
    dead: int
    indeterminate: int = 0

    def __post_init__(self) -> None:
        for name in ("live", "dead", "indeterminate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} {getattr(self, name)} is negative: give numbers of cells")

    @property
    def decided(self) -> int:
        """Cells that are surely living or dead."""
        return self.live + self.dead

    @classmethod
    def pooled(cls, several: Sequence["Counts"]) -> "Counts":
        """All of them together."""
        return cls(
            sum(counts.live for counts in several),
            sum(counts.dead for counts in several),
            sum(counts.indeterminate for counts in several),
        )


@dataclass(frozen=True, slots=True)
class BetweenFields:
    """What the fields of a well say of its viability as a ratio of their sums.

    Attributes
    ----------
    interval, lower : Interval
        Student's t between fields, two-sided, and one-sided for a gate.
    p : float or None
        Chance of fields so different if each cell lived or died by itself.
    design_effect : float or None
        Variance between fields over the binomial one.
    """

    interval: Interval
    lower: Interval
    p: float | None
    design_effect: float | None

    @property
    def decides(self) -> bool:
        """Whether fields differ too much for a binomial interval."""
        return self.interval.low is not None and self.p is not None and self.p < _DIFFER_P


def viability_figures(counts: Counts, confidence: float = 0.95) -> dict[str, Cell]:
    """Viability of pooled counts; the keys are those of `VIABILITY_COLUMNS`.

    Parameters
    ----------
    counts : Counts
        Without a decided cell the viability is null and ``viability_reason`` says why.
    confidence : float
        Of the two-sided interval to show (Wilson) and of the one-sided lower bound to accept or
        reject by (Clopper-Pearson).
    """
    n = counts.decided
    shown = wilson_interval(counts.live, n, confidence)
    gate = clopper_pearson_interval(counts.live, n, confidence, side="lower")
    if not n:
        shown, gate = (no_interval(_reason(counts), confidence) for _ in range(2))
    total = n + counts.indeterminate
    return {
        "viability": counts.live / n if n else None,
        "viability_ci_low": shown.low,
        "viability_ci_high": shown.high,
        "viability_ci_method": shown.method,
        "viability_lower_bound": gate.low,
        "viability_lower_bound_method": gate.method,
        "viability_if_indeterminate_dead": counts.live / total if total else None,
        "viability_if_indeterminate_live": (
            (counts.live + counts.indeterminate) / total if total else None
        ),
        "viability_reason": None if n else _reason(counts).replace(" ", "_"),
    }


def viability_between_fields(fields: Sequence[Counts], confidence: float = 0.95) -> dict[str, Cell]:
    """The interval between fields, beside the pooled one; keys are those of `CLUSTER_COLUMNS`.

    ``viability_decides`` names the interval to go by.
    """
    found = between_fields(fields, confidence)
    decides = "between fields" if found.decides else "binomial"
    return {
        "viability_cluster_ci_low": found.interval.low,
        "viability_cluster_ci_high": found.interval.high,
        "viability_cluster_ci_method": found.interval.method,
        "viability_cluster_lower_bound": found.lower.low,
        "viability_heterogeneity_p": found.p,
        "viability_design_effect": found.design_effect,
        "viability_decides": decides if Counts.pooled(fields).decided else None,
    }


def between_fields(fields: Sequence[Counts], confidence: float = 0.95) -> BetweenFields:
    """Interval of a ratio of sums over clusters.

    Parameters
    ----------
    fields : sequence of Counts
        Those without a decided cell say nothing and are left out.
    confidence : float
        Of both intervals.

    Notes
    -----
    With l of n cells living in a field and p = sum l / sum n, the variance of p is
    k / (k - 1) sum (l - p n)^2 / (sum n)^2 (Cochran 1977, Sampling Techniques, 6.3). Whether fields
    differ at all is told by the chi-square sum (l - p n)^2 / (p (1 - p) n) of k - 1 degrees of
    freedom.
    """
    told = [(counts.live, counts.decided) for counts in fields if counts.decided]
    k, total, live = len(told), sum(n for _, n in told), sum(alive for alive, _ in told)
    if k < 2:
        none = no_interval("one field" if k else "no cells", confidence)
        return BetweenFields(none, none, None, None)
    share = live / total
    apart = [alive - share * n for alive, n in told]
    variance = k / (k - 1) * math.fsum(d * d for d in apart) / total**2
    binomial = share * (1 - share) / total
    if not variance or not binomial:
        none = no_interval("fields without spread", confidence)
        return BetweenFields(none, none, None, None)
    chi2 = math.fsum(d * d / n for d, (_, n) in zip(apart, told, strict=True))
    chi2 /= share * (1 - share)
    two_sided = _t_limits(share, variance, k - 1, (1 - confidence) / 2, confidence)
    one_sided = _t_limits(share, variance, k - 1, 1 - confidence, confidence)
    lower = Interval(one_sided.low, 1.0, "ratio, t between fields, one-sided lower", confidence)
    return BetweenFields(two_sided, lower, float(special.chdtrc(k - 1, chi2)), variance / binomial)


def _t_limits(share: float, variance: float, free: int, tail: float, confidence: float) -> Interval:
    half = -float(special.stdtrit(free, tail)) * math.sqrt(variance)
    return Interval(share - half, share + half, "ratio, t between fields", confidence).clipped(0, 1)


def _reason(counts: Counts) -> str:
    return "all cells indeterminate" if counts.indeterminate else "no cells"
