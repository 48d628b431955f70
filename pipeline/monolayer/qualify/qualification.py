"""All that a qualification holds, and the verdicts that its plan asks for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monolayer.errors import InputError
from monolayer.qualify.detection import Detection, detection_limit
from monolayer.qualify.precision import Precision
from monolayer.qualify.record import QualificationRecord, Verdict
from monolayer.qualify.series import Kind, Observation, SeriesQuality, judge_series
from monolayer.qualify.settings import QualifySettings
from monolayer.qualify.uncertainty import Budget, budget
from monolayer.settings_file import content_sha256
from monolayer.summarise.agreement import Agreement, bland_altman

__all__ = ["Pair", "Qualification", "qualify", "record_of"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One sample counted by both counters, in one unit."""

    sample: str
    first: float
    second: float

    @property
    def mean(self) -> float:
        """Mean of both."""
        return (self.first + self.second) / 2

    @property
    def percent(self) -> float:
        """First less second, in percent of their mean."""
        return 100 * (self.first - self.second) / self.mean


@dataclass(frozen=True, slots=True)
class Qualification:
    """Everything found of one counting method.

    Attributes
    ----------
    series : SeriesQuality
        Of the dilution or seeding series.
    unit : str
        Of its values.
    detection : Detection or None
        None without blanks; `detection_words` says why.
    agreement : Agreement or None
        Percent differences against the second counter.
    pairs : tuple of Pair
        What it stands on.
    precision : Precision or None
        Variance components.
    budget : Budget
        Uncertainty of a result.
    """

    series: SeriesQuality
    unit: str
    detection: Detection | None
    detection_words: str
    agreement: Agreement | None
    pairs: tuple[Pair, ...]
    precision: Precision | None
    budget: Budget


def qualify(
    method: str,
    kind: Kind,
    unit: str,
    observations: Sequence[Observation],
    settings: QualifySettings,
    *,
    pairs: Sequence[Pair] = (),
    precision: Precision | None = None,
) -> Qualification:
    """Judge a counting method by its series, and by what else was measured of it.

    Raises
    ------
    InputError
        The series cannot be judged, or a pair has no mean.
    """
    series = judge_series(
        method,
        kind,
        observations,
        confidence=settings.confidence,
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )
    detection, words = _detection(observations, settings.detection_error)
    largest = series.largest_cv
    found = budget(
        settings.uncertainty,
        is_area=kind == "seeding",
        sampling_percent=None if largest is None else 100 * largest,
        precision_percent=None if precision is None else precision.intermediate_percent,
    )
    return Qualification(
        series, unit, detection, words, _agreement(pairs, settings.confidence), tuple(pairs),
        precision, found,
    )  # fmt: skip


def _detection(observations: Sequence[Observation], error: float) -> tuple[Detection | None, str]:
    blanks = [each.value for each in observations if each.target == 0]
    if not blanks:
        return None, "no blanks (fraction 0) in the series"
    least = min((each.target for each in observations if each.target > 0), default=0.0)
    low: dict[str, list[float]] = {}
    for each in observations:
        if each.target == least:
            low.setdefault(each.sample, []).append(each.value)
    try:
        return detection_limit(blanks, list(low.values()), error), ""
    except InputError as refused:
        return None, str(refused)


def _agreement(pairs: Sequence[Pair], confidence: float) -> Agreement | None:
    if not pairs:
        return None
    for pair in pairs:
        if not (pair.mean > 0 and math.isfinite(pair.percent)):
            raise InputError(
                f"sample {pair.sample}: two counts of 0 have no difference in percent; leave the "
                "pair out."
            )
    return bland_altman([pair.percent for pair in pairs], confidence)


def record_of(
    found: Qualification,
    settings: QualifySettings,
    *,
    method: tuple[str, str, str] | None = None,
    data_sha256: Mapping[str, str] | None = None,
) -> QualificationRecord:
    """Record of a qualification; `method` is name, version and hash where it is one of ours."""
    name, version, sha256 = method or (found.series.method, "", None)
    return QualificationRecord(
        method_name=name,
        method_version=version,
        method_sha256=sha256,
        counting_method=found.series.method,
        standard=found.series.standard,
        plan=f"{settings.name} {settings.version}",
        plan_sha256=content_sha256(settings),
        data_sha256=dict(data_sha256 or {}),
        shortfall=found.series.shortfall,
        verdicts=_verdicts(found, settings),
    )


def _verdicts(found: Qualification, settings: QualifySettings) -> tuple[Verdict, ...]:
    limits, fit = settings.limits, found.series.fit
    largest = found.series.largest_cv
    bias = None if found.agreement is None else found.agreement.bias
    at_most = [
        ("largest CV within samples (%)", None if largest is None else 100 * largest,
         limits.max_cv_percent),
        ("proportionality index, absolute, scaled", fit.pi_sa_scaled, limits.max_pi_sa_scaled),
        ("bias against the second counter (%)", None if bias is None else abs(bias),
         limits.max_bias_percent),
        ("intermediate precision (%)",
         None if found.precision is None else found.precision.intermediate_percent,
         limits.max_intermediate_precision_percent),
        ("expanded uncertainty (%)", _complete(found.budget),
         limits.max_expanded_uncertainty_percent),
        (f"limit of detection ({found.unit})",
         None if found.detection is None else found.detection.limit_of_detection,
         limits.max_detection_limit),
    ]  # fmt: skip
    judged = [Verdict(name=name, value=value, limit=limit) for name, value, limit in at_most]
    r2 = Verdict(
        name="R2, uncentred", value=fit.r2_uncentred, limit=limits.min_r2_uncentred, at_most=False
    )
    return (*judged[:2], r2, *judged[2:])


def _complete(found: Budget) -> float | None:
    """Expanded uncertainty; None while a source is unknown, because it is a lower bound then."""
    return None if found.unknown else found.expanded_percent
