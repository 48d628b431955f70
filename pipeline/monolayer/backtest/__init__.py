"""Backtest: finished expansions replayed, and recipes held against one another on them.

1. `replay`: what a recipe would have recommended at each visit, from what was known then.
2. `judge`: whether the vessel would have been moved in time, by what the whole record tells.
3. `backtest`: many vessels and one or two recipes, their verdicts and costs side by side.
4. `backtest_page`: the same as a page with pictures.

Composes grow, decide and report; knows no files.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.backtest.compare import Backtest, RecipeTotals, VesselRow, backtest
    from monolayer.backtest.judging import Judgement, Timing, judge
    from monolayer.backtest.page import backtest_page
    from monolayer.backtest.replays import Replay, Step, replay
    from monolayer.backtest.retrospect import Retrospect
    from monolayer.backtest.settings import BacktestSettings

__all__ = [
    "Backtest",
    "BacktestSettings",
    "Judgement",
    "RecipeTotals",
    "Replay",
    "Retrospect",
    "Step",
    "Timing",
    "VesselRow",
    "backtest",
    "backtest_page",
    "judge",
    "replay",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Backtest": "compare",
        "BacktestSettings": "settings",
        "Judgement": "judging",
        "RecipeTotals": "compare",
        "Replay": "replays",
        "Retrospect": "retrospect",
        "Step": "replays",
        "Timing": "judging",
        "VesselRow": "compare",
        "backtest": "compare",
        "backtest_page": "page",
        "judge": "judging",
        "replay": "replays",
    },
)
