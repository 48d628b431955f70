"""Whether a vessel is moved in time: by what the whole record tells, which no rule has seen.

What a record cannot tell is not told: a vessel that really was moved before a recipe would have
moved it has no later visits, and the verdict is *open*, neither late nor missed.
"""

from dataclasses import dataclass
from typing import Literal

from monolayer.backtest.replays import Replay
from monolayer.backtest.retrospect import Retrospect
from monolayer.backtest.settings import BacktestSettings

__all__ = ["TIMINGS", "Judgement", "Timing", "judge"]

Timing = Literal["in_window", "too_early", "too_late", "missed", "not_due", "open", "unknown"]
TIMINGS: dict[Timing, str] = {
    "in_window": "moved within the window",
    "too_early": "moved below the window",
    "too_late": "moved above the window",
    "missed": "above the window and never moved",
    "not_due": "never reached the window, never moved",
    "open": "the record ends within the window, before it would have been moved",
    "unknown": "no visit near enough to tell the confluence",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """When a vessel is moved, and how that is judged.

    Attributes
    ----------
    timing : str
        One of `TIMINGS`.
    moved_h : float or None
        Hours since seeding; None where it never was.
    moved_as : str or None
        How.
    confluence : float or None
        Then, looking back (0 to 1); at the last visit where it never was moved.
    cost : float
        Of mistakes, visits asked for and calls, in the settings' currency.
    """

    timing: Timing
    moved_h: float | None
    moved_as: str | None
    confluence: float | None
    cost: float


def judge(
    found: Replay, seen: Retrospect, settings: BacktestSettings
) -> tuple[Judgement, Judgement | None]:
    """Judge what a recipe would have done, and what was done.

    Parameters
    ----------
    found : Replay
        The replay.
    seen : Retrospect
        Of the same record.
    settings : BacktestSettings
        Window and costs.

    Returns
    -------
    recommended, done : Judgement
        The second is None where the culture has not ended by a passage or harvest.
    """
    move = found.move
    asked = found.n_images_asked * settings.cost_image + found.n_calls * settings.cost_call
    recommended = _judged(
        None if move is None else move.time_h,
        None if move is None else move.action.lower(),
        seen,
        settings,
        asked,
        found.done_h,
    )
    if found.done_as not in ("passaged", "harvested") or found.done_h is None:
        return recommended, None
    return recommended, _judged(found.done_h, found.done_as, seen, settings, 0.0)


def _judged(
    moved_h: float | None,
    moved_as: str | None,
    seen: Retrospect,
    settings: BacktestSettings,
    asked: float,
    done_h: float | None = None,
) -> Judgement:
    if moved_h is None:
        confluence = seen.last
        at_end = None if done_h is None else seen.confluence_at(done_h)
        timing = _never_moved(confluence, at_end, settings)
    else:
        confluence = seen.confluence_at(moved_h)
        timing = _moved_at(confluence, settings)
    mistake = {
        "too_early": settings.cost_too_early,
        "too_late": settings.cost_too_late,
        "missed": settings.cost_missed,
    }.get(timing, 0.0)
    return Judgement(timing, moved_h, moved_as, confluence, mistake + asked)


def _moved_at(confluence: float | None, settings: BacktestSettings) -> Timing:
    if confluence is None:
        return "unknown"
    if confluence < settings.window_low:
        return "too_early"
    return "too_late" if confluence > settings.window_high else "in_window"


def _never_moved(
    confluence: float | None, at_end: float | None, settings: BacktestSettings
) -> Timing:
    """Missed by a visit above the window; after the last visit there was nothing to go by."""
    if confluence is None:
        return "unknown"
    if confluence > settings.window_high:
        return "missed"
    reached = max(confluence, at_end or 0.0) >= settings.window_low
    return "open" if reached else "not_due"
