"""The uncertainty budget of a result: what each source gives, and all of them together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monolayer.errors import InputError
from monolayer.qualify.settings import UncertaintySettings

__all__ = ["Budget", "Contribution", "budget", "combine"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One source.

    Attributes
    ----------
    source, basis : str
        What it is, and where its figure comes from.
    standard_percent : float or None
        Relative standard uncertainty of the source; None where nobody told it.
    sensitivity : float
        Percent of the result for a percent of the source: 2 for a pixel size in an area.
    """

    source: str
    basis: str
    standard_percent: float | None
    sensitivity: float = 1.0

    @property
    def contributed_percent(self) -> float | None:
        """Relative standard uncertainty that it gives to the result."""
        return None if self.standard_percent is None else self.sensitivity * self.standard_percent


@dataclass(frozen=True, slots=True)
class Budget:
    """All of them, uncorrelated, by the GUM (JCGM 100:2008, 5.1).

    Attributes
    ----------
    contributions : tuple of Contribution
        Every source, the unknown ones too.
    standard_percent, expanded_percent : float or None
        Combined; None where no source is known.
    coverage_factor : float
        Expanded over standard.
    unknown : tuple of str
        Sources left out: where there are some, the figures are lower bounds.
    """

    contributions: tuple[Contribution, ...]
    standard_percent: float | None
    expanded_percent: float | None
    coverage_factor: float
    unknown: tuple[str, ...]


def combine(contributions: Sequence[Contribution], coverage_factor: float = 2.0) -> Budget:
    """Combine sources by the root of the sum of squares.

    Raises
    ------
    InputError
        A source is negative or no number.
    """
    for each in contributions:
        told = each.standard_percent
        if told is not None and not (math.isfinite(told) and told >= 0):
            raise InputError(f"uncertainty of {each.source}: {told:g} % is impossible.")
    known = [c for each in contributions if (c := each.contributed_percent) is not None]
    total = math.sqrt(math.fsum(c * c for c in known)) if known else None
    return Budget(
        tuple(contributions),
        total,
        None if total is None else coverage_factor * total,
        coverage_factor,
        tuple(each.source for each in contributions if each.standard_percent is None),
    )


def budget(
    settings: UncertaintySettings,
    *,
    is_area: bool,
    sampling_percent: float | None = None,
    precision_percent: float | None = None,
) -> Budget:
    """Budget of a method: the settings' sources, and those that its series showed.

    Parameters
    ----------
    settings : UncertaintySettings
        The site's own figures.
    is_area : bool
        Results are per area: the pixel size enters, twice.
    sampling_percent, precision_percent : float, optional
        Scatter of the series, and intermediate precision, where they were measured. Precision
        holds repeats, and with them sampling; the larger of the two is taken, not both.
    """
    sampling = settings.sampling_percent
    basis = "the plan's"
    if sampling is None:
        shown = [(sampling_percent, "CV within the series' samples"),
                 (precision_percent, "intermediate precision")]  # fmt: skip
        known = [(value, words) for value, words in shown if value is not None]
        sampling, basis = max(known, default=(None, "nobody told it"))
    sources = [Contribution("sampling and repeats", basis, sampling)]
    if is_area:
        sources.append(_given("pixel size", settings.pixel_size_percent, 2.0))
    sources.append(_given("segmentation", settings.segmentation_percent))
    sources.append(_given("dilution and volume", settings.dilution_percent))
    return combine(sources, settings.coverage_factor)


def _given(source: str, percent: float | None, sensitivity: float = 1.0) -> Contribution:
    basis = "nobody told it" if percent is None else "the plan's"
    return Contribution(source, basis, percent, sensitivity)
