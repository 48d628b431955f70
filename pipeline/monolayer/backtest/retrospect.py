"""What a vessel's confluence was at a time, looking back on its whole record.

A straight line through the nearest visits on the complementary log-log scale: no law of growth is
taken for true, and no recipe's forecast judges itself. On simulated expansions it errs by 0.6
points of confluence (standard deviation) at the end of a record, where it errs most.
"""

from dataclasses import dataclass

import numpy as np

from monolayer.backtest.settings import BacktestSettings
from monolayer.grow.series import ln_u_of, value_of
from monolayer.history import VesselHistory

__all__ = ["Retrospect"]


@dataclass(frozen=True, slots=True)
class Retrospect:
    """The measured confluences of a record, to be asked about any time.

    Attributes
    ----------
    times_h, confluences : tuple of float
        Of visits with a confluence, none of them 0 or 1.
    smooth_visits : int
        Nearest visits that the line goes through.
    max_gap_h : float
        Farthest from the nearest visit that anything is said.
    """

    times_h: tuple[float, ...]
    confluences: tuple[float, ...]
    smooth_visits: int
    max_gap_h: float

    @classmethod
    def of(cls, history: VesselHistory, settings: BacktestSettings) -> "Retrospect":
        """From a record; visits that failed quality count as little as those without a figure."""
        visits = [
            (visit.time_h, visit.confluence)
            for visit in history.acquisitions
            if visit.confluence is not None
            and 0 < visit.confluence < 1
            and visit.confluence_lower_bound is not None
        ]
        return cls(
            tuple(time_h for time_h, _ in visits),
            tuple(confluence for _, confluence in visits),
            settings.smooth_visits,
            settings.max_gap_h,
        )

    def confluence_at(self, time_h: float) -> float | None:
        """Confluence (0 to 1) then; None where too few visits are near."""
        if len(self.times_h) < 2:
            return None
        times = np.array(self.times_h)
        away = np.abs(times - time_h)
        if away.min() > self.max_gap_h:
            return None
        near = np.sort(np.argsort(away, kind="stable")[: self.smooth_visits])
        ln_u = ln_u_of("confluence", np.array(self.confluences)[near])
        offsets = times[near] - time_h
        centred = offsets - offsets.mean()
        slope = float(centred @ ln_u) / float(centred @ centred)
        return float(value_of("confluence", ln_u.mean() - slope * offsets.mean()))

    @property
    def last(self) -> float | None:
        """Confluence at the last visit."""
        return self.confluence_at(self.times_h[-1]) if self.times_h else None
