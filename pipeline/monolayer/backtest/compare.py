"""Many vessels and one or two recipes: verdicts and costs side by side, and what differs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monolayer.backtest.judging import TIMINGS, Judgement, Timing, judge
from monolayer.backtest.replays import Replay, outlooks_of, replay
from monolayer.backtest.retrospect import Retrospect
from monolayer.backtest.settings import BacktestSettings
from monolayer.culture import outlook_key
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe

__all__ = ["Backtest", "RecipeTotals", "VesselRow", "backtest"]


@dataclass(frozen=True, slots=True)
class VesselRow:
    """One vessel: its record looked back on, and a replay and a verdict a recipe.

    Attributes
    ----------
    vessel : str
        Its name.
    seen : Retrospect
        The record.
    replays : tuple of Replay
        In the order of the recipes.
    judgements : tuple of Judgement
        The same.
    done : Judgement or None
        What was done.
    """

    vessel: str
    seen: Retrospect
    replays: tuple[Replay, ...]
    judgements: tuple[Judgement, ...]
    done: Judgement | None

    @property
    def differs(self) -> bool:
        """Whether the recipes would have moved it at different times, or judged it differently."""
        first = self.judgements[0]
        return any(
            (each.timing, each.moved_h, each.moved_as)
            != (first.timing, first.moved_h, first.moved_as)
            for each in self.judgements[1:]
        )

    @property
    def wrong(self) -> bool:
        """Whether any recipe was too early, too late, or missed it."""
        return any(each.timing in ("too_early", "too_late", "missed") for each in self.judgements)


@dataclass(frozen=True, slots=True)
class RecipeTotals:
    """One recipe, or what was done, over all vessels.

    Attributes
    ----------
    name : str
        The recipe with its version, or "done".
    sha256 : str or None
        Of the recipe.
    timings : mapping of str to int
        Vessels by verdict; every verdict is there.
    cost : float
        Sum, in the settings' currency.
    n_images_asked, n_calls : int
        Sums.
    """

    name: str
    sha256: str | None
    timings: Mapping[Timing, int]
    cost: float
    n_images_asked: int
    n_calls: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """Recipes held against one another on the same records.

    Attributes
    ----------
    rows : tuple of VesselRow
        A row a vessel, in the order given.
    totals : tuple of RecipeTotals
        One a recipe.
    done : RecipeTotals or None
        What was done; None where no culture has ended.
    only_first_in_window, only_second_in_window : int or None
        Vessels that one recipe moves within the window and the other does not.
    p_value : float or None
        Of McNemar's exact test that the two do equally well; None with one recipe, or where they
        agree on all.
    """

    rows: tuple[VesselRow, ...]
    totals: tuple[RecipeTotals, ...]
    done: RecipeTotals | None
    only_first_in_window: int | None
    only_second_in_window: int | None
    p_value: float | None


def backtest(
    histories: Sequence[VesselHistory],
    recipes: Sequence[Recipe],
    settings: BacktestSettings | None = None,
) -> Backtest:
    """Replay vessels by one recipe, or hold two against one another.

    Parameters
    ----------
    histories : sequence of VesselHistory
        Finished expansions; their endings are what was done.
    recipes : sequence of Recipe
        One or two.
    settings : BacktestSettings, optional
        Window and costs; the example's where left out.
    """
    settings = settings or BacktestSettings()
    rows = tuple(_row(history, recipes, settings) for history in histories)
    totals = tuple(
        _totals(
            f"{recipe.name} {recipe.version}",
            recipe.sha256,
            [row.judgements[n] for row in rows],
            [row.replays[n] for row in rows],
        )
        for n, recipe in enumerate(recipes)
    )
    done = [row.done for row in rows if row.done is not None]
    first, second, p_value = _discordant(rows) if len(recipes) == 2 else (None, None, None)
    return Backtest(
        rows, totals, _totals("done", None, done, []) if done else None, first, second, p_value
    )


def _row(
    history: VesselHistory, recipes: Sequence[Recipe], settings: BacktestSettings
) -> VesselRow:
    seen = Retrospect.of(history, settings)
    # Recipes that look at growth alike share its fits, which take nearly all the time.
    outlooks = {outlook_key(recipe): recipe for recipe in recipes}
    known = {key: outlooks_of(history, recipe) for key, recipe in outlooks.items()}
    replays = tuple(replay(history, recipe, known[outlook_key(recipe)]) for recipe in recipes)
    judged = [judge(each, seen, settings) for each in replays]
    return VesselRow(
        history.vessel.name, seen, replays, tuple(ours for ours, _ in judged), judged[0][1]
    )


def _totals(
    name: str, sha256: str | None, judged: Sequence[Judgement], replays: Sequence[Replay]
) -> RecipeTotals:
    counted = Counter(each.timing for each in judged)
    return RecipeTotals(
        name,
        sha256,
        {timing: counted[timing] for timing in TIMINGS},
        sum(each.cost for each in judged),
        sum(each.n_images_asked for each in replays),
        sum(each.n_calls for each in replays),
    )


def _discordant(rows: Sequence[VesselRow]) -> tuple[int, int, float | None]:
    """Vessels on which only one recipe is in time, and how likely so uneven a split is by chance.

    McNemar (1947), Psychometrika 12:153, by the exact binomial.
    """
    inside = [[each.timing == "in_window" for each in row.judgements] for row in rows]
    first = sum(a and not b for a, b in inside)
    second = sum(b and not a for a, b in inside)
    if not first + second:
        return first, second, None
    from scipy.stats import binomtest

    return first, second, float(binomtest(first, first + second).pvalue)
