"""How lots are watched: charts, rules, and how many lots a limit stands on."""

from typing import Annotated, Self

from pydantic import Field as Setting
from pydantic import model_validator

from monolayer.drift.rules import RULES, WESTERN_ELECTRIC
from monolayer.settings import Settings

__all__ = ["DriftSettings"]


class DriftSettings(Settings):
    """The charts' own constants. The defaults are the textbook's; a site may have others."""

    rules: tuple[str, ...] = WESTERN_ELECTRIC
    """Rules of the individuals chart. All of them: WE1 to WE4 (Western Electric 1956), N1 to N8
    (Nelson 1984). More rules find drift sooner and cry wolf more often."""

    log_columns: tuple[str, ...] = ()
    """Quantities watched as logarithms, because their scatter grows with their size."""

    ewma_weight: Annotated[float, Setting(gt=0, le=1)] = 0.2
    """Weight of the newest lot in the EWMA; small weights see small drifts."""

    ewma_width: Annotated[float, Setting(gt=0)] = 2.962
    """Limits of the EWMA in its own sigmas; 2.962 with weight 0.2 cries wolf every 500 lots."""

    cusum_slack: Annotated[float, Setting(ge=0)] = 0.5
    """Sigmas that a lot may lie off before the CUSUM counts it; half the shift to be found."""

    cusum_limit: Annotated[float, Setting(gt=0)] = 5.0
    """Sum at which the CUSUM signals; 5 with slack 0.5 cries wolf every 465 lots."""

    min_lots: Annotated[int, Setting(ge=3)] = 8
    """Fewest lots that limits are frozen from; below 20 they are rough, and the report says so."""

    @model_validator(mode="after")
    def _known_rules(self) -> Self:
        strange = next((name for name in self.rules if name not in RULES), None)
        if strange is not None:
            raise ValueError(f"rule '{strange}' is none of {', '.join(RULES)}")
        return self
