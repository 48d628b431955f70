"""When glucose runs short, and what to do about it, in words that say why."""

import math
from dataclasses import dataclass

from monolayer.metabolism.settings import MetabolismSettings

__all__ = ["Feeding", "feeding", "hours_to_floor"]

_UMOL = 1e-6


@dataclass(frozen=True, slots=True)
class Feeding:
    """Advice on feeding; a person decides.

    Attributes
    ----------
    advice : {'feed now', 'feed before the next visit', 'not yet'}
        In short.
    words : str
        The same as a sentence with its figures.
    hours_to_floor : float or None
        From now; 0 where it is reached, None where it never is.
    hours_low, hours_high : float or None
        By the rate's interval; None: open.
    exchange_ml : float or None
        Fresh medium after which the glucose lasts; None where no exchange is enough, or none is
        advised.
    lasts_h : float or None
        Hours to the floor after a full exchange.
    """

    advice: str
    words: str
    hours_to_floor: float | None
    hours_low: float | None
    hours_high: float | None
    exchange_ml: float | None
    lasts_h: float | None


def hours_to_floor(
    mmol_per_l: float,
    floor_mmol_per_l: float,
    volume_ml: float,
    cells: float,
    growth_per_h: float,
    pmol_per_cell_d: float,
) -> float | None:
    """Hours until growing cells have taken the glucose down to the floor.

    Parameters
    ----------
    mmol_per_l, floor_mmol_per_l : float
        Concentration now, and the one not to be reached.
    volume_ml, cells : float
        Medium and viable cells now.
    growth_per_h : float
        Specific growth rate; 0 and below are possible.
    pmol_per_cell_d : float
        Specific uptake.

    Returns
    -------
    float or None
        ``ln(1 + dC V mu / (q N)) / mu``; 0 where the floor is reached, None where cells that die
        off or take up nothing never reach it.
    """
    room_umol = (mmol_per_l - floor_mmol_per_l) * volume_ml
    if room_umol <= 0:
        return 0.0
    uptake_umol_per_h = pmol_per_cell_d * _UMOL / 24 * cells
    if uptake_umol_per_h <= 0:
        return None
    x = room_umol * growth_per_h / uptake_umol_per_h
    if x <= -1:
        return None
    # log1p(x) / x tends to 1 at x = 0: no growth needs no case of its own but this one.
    return room_umol / uptake_umol_per_h * (math.log1p(x) / x if x else 1.0)


def feeding(
    mmol_per_l: float,
    fresh_mmol_per_l: float | None,
    volume_ml: float,
    cells: float,
    growth_per_h: float,
    rate: tuple[float, float, float],
    settings: MetabolismSettings,
) -> Feeding:
    """Advise on feeding.

    Parameters
    ----------
    mmol_per_l, fresh_mmol_per_l : float
        Glucose in the medium now and in fresh medium (None: not told).
    volume_ml, cells, growth_per_h : float
        Medium, cells and their growth now.
    rate : (float, float, float)
        Specific uptake in pmol per cell and day, and its interval.
    settings : MetabolismSettings
        Floor, next visit, how long a feed should last.
    """
    floor = settings.glucose_floor_mmol_per_l

    def lasts(start: float, uptake: float) -> float | None:
        return hours_to_floor(start, floor, volume_ml, cells, growth_per_h, uptake)

    middle, slow, fast = rate
    left_h, late_h, early_h = (lasts(mmol_per_l, uptake) for uptake in (middle, slow, fast))
    after_h = None if fresh_mmol_per_l is None else lasts(fresh_mmol_per_l, middle)
    advice = _advice(early_h, left_h, settings)
    exchange_ml = None
    if advice != "not yet" and fresh_mmol_per_l is not None:
        needed = floor + _used_mmol_per_l(volume_ml, cells, growth_per_h, middle, settings)
        share = (needed - mmol_per_l) / (fresh_mmol_per_l - mmol_per_l or math.inf)
        exchange_ml = share * volume_ml if 0 < share <= 1 else None
    words = _words(advice, left_h, (early_h, late_h), floor, settings)
    words += _how_much(advice, exchange_ml, after_h, settings)
    return Feeding(advice, words, left_h, early_h, late_h, exchange_ml, after_h)


def _advice(early_h: float | None, left_h: float | None, settings: MetabolismSettings) -> str:
    if left_h == 0:
        return "feed now"
    # The early end of the interval counts: medium costs less than cells.
    soon = early_h is not None and early_h <= settings.next_visit_h
    return "feed before the next visit" if soon else "not yet"


def _used_mmol_per_l(
    volume_ml: float, cells: float, growth_per_h: float, uptake: float, settings: MetabolismSettings
) -> float:
    """Glucose that is taken up in the time that a feed should last."""
    x = growth_per_h * settings.feed_for_h
    cell_hours = cells * settings.feed_for_h * (math.expm1(x) / x if x else 1.0)
    return uptake * _UMOL / 24 * cell_hours / volume_ml


def _words(
    advice: str,
    left_h: float | None,
    ends: tuple[float | None, float | None],
    floor: float,
    settings: MetabolismSettings,
) -> str:
    if left_h is None:
        return f"Not yet: the glucose does not reach {floor:g} mmol/L as the cells are."
    if left_h == 0:
        return f"Feed now: the glucose is at or below {floor:g} mmol/L."
    early, late = ("open" if end is None else f"{end:.0f}" for end in ends)
    reach = f"the glucose reaches {floor:g} mmol/L in {left_h:.0f} h ({early} to {late} h)"
    if advice == "not yet":
        return f"Not yet: {reach}, after the next visit in {settings.next_visit_h:g} h."
    return f"Feed before the next visit in {settings.next_visit_h:g} h: {reach}."


def _how_much(
    advice: str, exchange_ml: float | None, after_h: float | None, settings: MetabolismSettings
) -> str:
    if advice == "not yet" or after_h is None:
        return ""
    if exchange_ml is None:
        return f" Even a full exchange lasts {after_h:.0f} h only, not {settings.feed_for_h:g} h."
    return f" An exchange of {exchange_ml:.1f} mL lasts {settings.feed_for_h:g} h."
