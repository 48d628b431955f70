"""A scenario: one process with its prices, and what a yearly output of it asks for and costs.

Every number of the example is an assumption. What the file leaves as it is stays an example's; the
report names each that was not changed.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field as Setting
from pydantic import ValidationError, model_validator

from monolayer.capacity.doses import (
    DoseSettings,
    VesselSettings,
    cost_per_dose_eur,
    doses_per_lot,
)
from monolayer.capacity.imaging import CameraSettings, planar_mp_per_s
from monolayer.capacity.rates import (
    ASSAYS,
    DECODE_MB_PER_S,
    cores_needed,
    eur_per_dose,
    rate_mp_per_s,
)
from monolayer.settings import Settings

__all__ = [
    "CostSettings",
    "FacilitySettings",
    "ImagingSettings",
    "Need",
    "Range",
    "Scenario",
    "TimingSettings",
    "changed",
    "need_of",
    "value_of",
]

Positive = Annotated[float, Setting(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Setting(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Setting(ge=1)]


class CostSettings(Settings):
    """Prices. All of them are ASSUMPTIONS of the example."""

    eur_per_vessel: NotNegative = 1_500.0
    """Vessel, medium and reagents of one vessel of the final stage, seed train included."""

    eur_per_vessel_day: NotNegative = 0.0
    """What each day in culture adds for a vessel: medium exchanged, handling."""

    labour_h_per_lot: NotNegative = 500.0
    """Hours of people, for a lot."""

    eur_per_labour_h: NotNegative = 60.0
    """Price of an hour."""

    qc_eur_per_lot: NotNegative = 40_000.0
    """Quality control and release of a lot, whether it is released or not."""

    other_eur_per_lot: NotNegative = 0.0
    """Whatever else a lot takes."""

    royalty_eur_per_dose: NotNegative = 0.0
    """Paid for a released dose."""

    fixed_eur_per_year: NotNegative = 4_000_000.0
    """Building, equipment and staff, whatever is made."""

    target_eur_per_dose: Positive = 540.0
    """Price that is aimed at; the report gives the chance of it."""


class FacilitySettings(Settings):
    """Where the vessels stand."""

    vessels_per_lot: Count = 100
    """Vessels of the final stage in one lot."""

    lots_per_year: Count | None = None
    """Lots begun. Empty: as many as the yearly doses ask for."""

    vessels_per_incubator: Count = 8
    """Vessels that one incubator holds."""

    turnaround_days: NotNegative = 1.0
    """Days between two vessels in one place: cleaning, warming up."""

    eur_per_incubator_year: NotNegative = 6_000.0
    """Depreciation, service and gas of one."""


class ImagingSettings(Settings):
    """How the vessels are watched."""

    fields_per_visit: Count = 20
    """Images of a vessel at a visit."""

    visits_per_day: Positive = 1.0
    """Visits of every vessel in culture."""

    hours_per_day: Annotated[float, Setting(gt=0, le=24)] = 8.0
    """Hours in which a day's images must be counted."""

    assay: str = "confluence"
    """What is counted, by the name of the clock table."""

    compression: str = "LZW"
    """Of the image files."""

    eur_per_core_h: NotNegative = 0.04
    """Price of a core for an hour."""

    camera: CameraSettings = Setting(default_factory=CameraSettings)
    """One image."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, value, known in (
            ("assay", self.assay, ASSAYS),
            ("compression", self.compression, DECODE_MB_PER_S),
        ):
            if value not in known:
                raise ValueError(f"{name} '{value}' is none of {', '.join(known)}")
        return self


class TimingSettings(Settings):
    """What a day earlier or later does.

    Growth goes on along a logistic law through the planned density on the planned day.
    """

    doubling_time_h: Positive = 30.0
    """Doubling time of cells far from the plateau."""

    plateau_per_cm2: Positive = 45_000.0
    """Density that growth stops at; above the planned one."""

    success_lost_per_day_late: NotNegative = 0.04
    """Released fraction lost by each day of delay (over-confluence, senescence, a failed slot)."""

    success_lost_per_day_early: NotNegative = 0.0
    """The same for each day earlier than planned."""

    days: tuple[float, ...] = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
    """Shifts of the harvest that are shown."""


class Range(Settings):
    """How far one setting may lie from the scenario's value."""

    setting: Annotated[str, Setting(min_length=3)]
    """Its place, such as doses.success_fraction."""

    low: float
    """Lowest plausible value."""

    high: float
    """Highest plausible value."""


class Scenario(Settings):
    """One process."""

    name: Annotated[str, Setting(min_length=1)] = "example"
    """What your site calls it."""

    version: Annotated[str, Setting(min_length=1)] = "1"
    """Your site's version of it."""

    doses: DoseSettings = Setting(default_factory=DoseSettings)
    """From harvest to dose."""

    vessel: VesselSettings = Setting(default_factory=VesselSettings)
    """The final stage's vessel."""

    facility: FacilitySettings = Setting(default_factory=FacilitySettings)
    """Lots and incubators."""

    cost: CostSettings = Setting(default_factory=CostSettings)
    """Prices."""

    imaging: ImagingSettings = Setting(default_factory=ImagingSettings)
    """How vessels are watched."""

    timing: TimingSettings = Setting(default_factory=TimingSettings)
    """What a day earlier is worth."""

    ranges: tuple[Range, ...] = (
        Range(setting="doses.success_fraction", low=0.85, high=0.98),
        Range(setting="vessel.density_at_harvest_per_cm2", low=24_000, high=36_000),
        Range(setting="doses.harvested_fraction", low=0.80, high=0.95),
        Range(setting="doses.processed_fraction", low=0.75, high=0.90),
        Range(setting="doses.thawed_fraction", low=0.75, high=0.90),
        Range(setting="cost.eur_per_vessel", low=1_100, high=2_200),
        Range(setting="cost.labour_h_per_lot", low=350, high=800),
        Range(setting="cost.qc_eur_per_lot", low=25_000, high=60_000),
        Range(setting="cost.fixed_eur_per_year", low=3e6, high=6e6),
    )
    """Settings that are not known for sure, for the tornado and the Monte Carlo."""

    draws: Annotated[int, Setting(ge=100, le=100_000)] = 4000
    """Draws of the Monte Carlo."""

    seed: Annotated[int, Setting(ge=0)] = 1
    """Of the Monte Carlo."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        density, plateau = self.vessel.density_at_harvest_per_cm2, self.timing.plateau_per_cm2
        if not density < plateau:
            raise ValueError(
                f"timing.plateau_per_cm2 {plateau:g} must be above the density at harvest "
                f"{density:g}"
            )
        names = [each.setting for each in self.ranges]
        if len(set(names)) < len(names):
            raise ValueError("a setting has two ranges")
        for each in self.ranges:
            value = value_of(self, each.setting)
            if not each.low <= value <= each.high or each.low == each.high:
                raise ValueError(
                    f"the range {each.low:g} to {each.high:g} of {each.setting} does not hold its "
                    f"value {value:g}; give another one under 'ranges'"
                )
            _check_ends(self, each)
        return self


def _check_ends(scenario: "Scenario", given: Range) -> None:
    for end in (given.low, given.high):
        try:
            changed(scenario, {given.setting: end})
        except ValidationError:
            raise ValueError(
                f"the range {given.low:g} to {given.high:g} of {given.setting} goes beyond what "
                "that setting can be"
            ) from None


def value_of(scenario: Scenario, setting: str) -> float:
    """Value of a setting by its place.

    Raises
    ------
    ValueError
        There is none, or it is no real number.
    """
    value: Any = scenario
    for part in setting.split("."):
        value = getattr(value, part, None)
    if isinstance(value, bool) or not isinstance(value, float):
        raise ValueError(f"'{setting}' is no setting that can have a range of real numbers")
    return value


def changed(scenario: Scenario, values: dict[str, float]) -> Scenario:
    """Scenario with other values at some places; ranges are taken out, as they held for the old."""
    data = scenario.model_dump()
    for setting, value in values.items():
        *path, last = setting.split(".")
        place = data
        for part in path:
            place = place[part]
        place[last] = value
    return Scenario.model_validate(data | {"ranges": ()})


@dataclass(frozen=True, slots=True)
class Need:
    """What a scenario asks for and costs, in a year unless the name says otherwise.

    Attributes
    ----------
    doses_per_lot : int
        Of a lot that is released.
    lots, vessels : int
        Begun.
    success_fraction : float
        Lots released.
    doses : float
        Released, as expected.
    vessels_harvested_per_day : float
        On a working day.
    vessels_in_culture, incubators : int
        At one time, final stage; turnaround counted in for incubators.
    eur_per_lot, eur, eur_per_dose, eur_per_million_cells : float
        Cost of a lot, of the year, of a released dose, of its viable cells.
    fields_per_day, mp_per_s : float
        Images, and the rate that keeps up with them.
    cores : int
        Busy no more than 70 % of the time.
    computing_eur_per_dose : float
        Of counting.
    """

    doses_per_lot: int
    lots: int
    success_fraction: float
    doses: float
    vessels: int
    vessels_harvested_per_day: float
    vessels_in_culture: int
    incubators: int
    eur_per_lot: float
    eur: float
    eur_per_dose: float
    eur_per_million_cells: float
    fields_per_day: float
    mp_per_s: float
    cores: int
    computing_eur_per_dose: float


def need_of(scenario: Scenario, lots: int | None = None) -> Need | None:
    """Compute what a scenario asks for.

    Parameters
    ----------
    scenario : Scenario
        The process.
    lots : int, optional
        Begun in a year; wins over the scenario's.

    Returns
    -------
    Need or None
        None where a lot gives no whole dose: no number of lots makes one.
    """
    facility, vessel, released = scenario.facility, scenario.vessel, scenario.doses.success_fraction
    per_lot = doses_per_lot(scenario.doses, vessel, facility.vessels_per_lot)
    if per_lot == 0:
        return None
    begun = lots or facility.lots_per_year
    begun = begun or math.ceil(scenario.doses.doses_per_year / (released * per_lot))
    doses = begun * released * per_lot
    vessels = begun * facility.vessels_per_lot
    per_day = vessels / vessel.working_days_per_year
    stay = vessel.days_in_culture + facility.turnaround_days
    incubators = math.ceil(per_day * stay / facility.vessels_per_incubator)
    lot_eur = _lot_eur(scenario)
    fixed = scenario.cost.fixed_eur_per_year + incubators * facility.eur_per_incubator_year
    dose_eur = cost_per_dose_eur(begun, lot_eur, fixed, released, per_lot)
    dose_eur += scenario.cost.royalty_eur_per_dose
    in_culture = math.ceil(per_day * vessel.days_in_culture)
    imaging = _imaging(scenario.imaging, in_culture, doses)
    return Need(
        doses_per_lot=per_lot,
        lots=begun,
        success_fraction=released,
        doses=doses,
        vessels=vessels,
        vessels_harvested_per_day=per_day,
        vessels_in_culture=in_culture,
        incubators=incubators,
        eur_per_lot=lot_eur,
        eur=dose_eur * doses,
        eur_per_dose=dose_eur,
        eur_per_million_cells=dose_eur / (scenario.doses.cells_per_dose / 1e6),
        fields_per_day=imaging[0],
        mp_per_s=imaging[1],
        cores=int(imaging[2]),
        computing_eur_per_dose=imaging[3],
    )


def _lot_eur(scenario: Scenario) -> float:
    cost, vessels = scenario.cost, scenario.facility.vessels_per_lot
    per_vessel = cost.eur_per_vessel + cost.eur_per_vessel_day * scenario.vessel.days_in_culture
    people = cost.labour_h_per_lot * cost.eur_per_labour_h
    return vessels * per_vessel + people + cost.qc_eur_per_lot + cost.other_eur_per_lot


def _imaging(
    settings: ImagingSettings, in_culture: int, doses: float
) -> tuple[float, float, float, float]:
    """Fields a day, megapixels a second, cores, cost of counting in a dose."""
    fields = in_culture * settings.fields_per_visit * settings.visits_per_day
    load = planar_mp_per_s(fields, settings.camera, settings.hours_per_day)
    rate = rate_mp_per_s(ASSAYS[settings.assay], settings.compression)
    hours = settings.hours_per_day
    eur = eur_per_dose(load, hours, rate, settings.eur_per_core_h, doses)
    return fields, load, float(cores_needed(load, rate)), eur
