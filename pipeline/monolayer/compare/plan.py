"""The comparison's plan: arms, endpoints and margins, fixed before a well is seeded.

A margin that is chosen once the data are seen proves nothing. The plan's hash covers every margin;
the design carries it in each row, and data that carry another hash are refused.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import Field as Setting
from pydantic import model_validator

from monolayer.compare.media import MediumKind
from monolayer.errors import InputError
from monolayer.settings import Settings

__all__ = ["Arm", "ComparisonPlan", "DesignSettings", "Endpoint", "Factor"]

Name = Annotated[str, Setting(min_length=1)]


class Arm(Settings):
    """One medium or process."""

    name: Name
    """As in the data's column 'medium'."""

    kind: MediumKind
    """What the medium is made of."""

    eur_per_l: Annotated[float, Setting(ge=0)] | None = None
    """Price of a litre; empty: no cost is computed."""


class Endpoint(Settings):
    """One figure that is compared."""

    column: Name
    """Column of the data, with its unit in the name."""

    group: Literal["growth", "yield", "morphology", "cost"] = "growth"
    """Where it is shown."""

    scale: Literal["difference", "ratio"] = "difference"
    """Compared by difference, or by ratio of geometric means (values above 0)."""

    margin_low: float | None = None
    """Smallest difference (below 0) or ratio (below 1) that is still equivalent; empty: shown,
    not tested."""

    margin_high: float | None = None
    """Largest one (above 0, or above 1)."""

    goal: Literal["maximise", "minimise"] = "maximise"
    """What an optimum is, for designs of factors."""

    primary: bool = False
    """Whether the verdict stands on it; all primary endpoints must be equivalent."""

    def on_scale(self, value: float, unit: str) -> float:
        """Return the value, or its logarithm for ratios.

        Raises
        ------
        InputError
            A ratio is asked for of a value that is not above 0; `unit` is named.
        """
        if self.scale == "difference":
            return value
        if not value > 0:
            raise InputError(
                f"{unit}: {self.column} {value:g} has no logarithm; a ratio needs values above 0."
            )
        return math.log(value)

    @model_validator(mode="after")
    def _margins_enclose_equality(self) -> Self:
        low, high, same = self.margin_low, self.margin_high, float(self.scale == "ratio")
        if low is None and high is None:
            if self.primary:
                raise ValueError(f"{self.column} is primary and needs margin_low and margin_high")
            return self
        least = 0.0 if self.scale == "ratio" else float("-inf")
        if low is None or high is None or not least < low < same < high < float("inf"):
            raise ValueError(
                f"margins {low} and {high} of {self.column} must be on either side of {same:g}"
            )
        return self


class Factor(Settings):
    """One thing that a design varies."""

    name: Name
    """Such as fgf2_ng_per_ml, with its unit."""

    low: float
    """Low level."""

    high: float
    """High level."""

    @model_validator(mode="after")
    def _low_below_high(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"factor {self.name}: low {self.low:g} must be below {self.high:g}")
        return self


class DesignSettings(Settings):
    """How the experiment is laid out."""

    kind: Literal[
        "media", "screening", "definitive-screening", "response-surface", "box-behnken"
    ] = "media"
    """The arms as they are; or factors: Plackett-Burman, definitive screening, a central composite
    design inside its limits, Box-Behnken."""

    factors: tuple[Factor, ...] = ()
    """What is varied; empty for kind media."""

    donors: tuple[Name, ...] = ("donor 1", "donor 2", "donor 3", "donor 4", "donor 5", "donor 6")
    """Each is a block and sees every run."""

    replicates: Annotated[int, Setting(ge=1)] = 3
    """Wells of each run and donor. They make a donor's mean surer and add no donor."""

    plate_wells: Literal[6, 12, 24, 48, 96, 384] = 24
    """Format of the plates."""

    edge_wells: Literal["use", "leave empty"] = "leave empty"
    """What becomes of the outer wells, which evaporate faster; plates of 6 and 12 wells are all
    edge and are used whole."""

    seed: Annotated[int, Setting(ge=0)] = 1
    """Of the randomisation."""


class ComparisonPlan(Settings):
    """A comparison, fixed beforehand."""

    name: Name = "media comparison"
    """What your site calls it."""

    version: Name = "1"
    """Your site's version; a change after the design makes another plan."""

    reference: Name = "FBS"
    """The arm that the others are held against."""

    arms: tuple[Arm, ...] = (
        Arm(name="FBS", kind=MediumKind.SERUM_CONTAINING, eur_per_l=90.0),
        Arm(name="hPL", kind=MediumKind.PLATELET_LYSATE, eur_per_l=160.0),
    )
    """Media, each with its kind."""

    endpoints: tuple[Endpoint, ...] = (
        Endpoint(
            column="population_doublings", margin_low=-0.3, margin_high=0.3, primary=True
        ),
        Endpoint(
            column="growth_rate_per_h", scale="ratio", margin_low=0.80, margin_high=1.25
        ),
        Endpoint(
            column="cells_harvested_per_cm2", group="yield", scale="ratio", margin_low=0.80,
            margin_high=1.25,
        ),
        Endpoint(
            column="cell_area_um2", group="morphology", scale="ratio", margin_low=0.80,
            margin_high=1.25,
        ),
        Endpoint(
            column="eur_per_million_cells", group="cost", scale="ratio", goal="minimise"
        ),
    )  # fmt: skip
    """What is compared, and the margins. Every margin is an example: set your own."""

    alpha: Annotated[float, Setting(gt=0, lt=0.5)] = 0.05
    """Chance of calling equivalent what lies on the margin; the interval shown is 1 - 2 alpha."""

    min_donors: Annotated[int, Setting(ge=2)] = 3
    """Fewest donors that have both arms. Two is the least from which anything can be told."""

    design: DesignSettings = Setting(default_factory=DesignSettings)
    """How it is laid out on plates."""

    @model_validator(mode="after")
    def _arms_are_told_apart(self) -> Self:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names) or len(names) < 2:
            raise ValueError("two or more arms, each with its own name, are needed")
        if self.reference not in names:
            raise ValueError(f"reference {self.reference} is none of {', '.join(names)}")
        columns = [each.column for each in self.endpoints]
        if not columns or len(set(columns)) < len(columns):
            raise ValueError("one endpoint or more, each column once, is needed")
        return self
