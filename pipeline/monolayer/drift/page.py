"""The control charts as a page and as tables."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from monolayer.drawing.headings import headed
from monolayer.drawing.numbers import plural
from monolayer.drift.limits import FrozenLimits, QuantityLimits
from monolayer.drift.watching import Lot, Violation, Watched
from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section
from monolayer.report.plots import Curve, Level, Points, xy_chart
from monolayer.settings_file import content_sha256

__all__ = ["page_of", "tables_of"]

_ROUGH = 20


def page_of(frozen: FrozenLimits, found: Sequence[Watched]) -> AnalysisPage:
    """Draw what was found."""
    violations = [each for one in found for each in one.violations]
    lots = dict.fromkeys(lot.name for one in found for lot in one.lots)
    out = dict.fromkeys(each.lot for each in violations)
    return AnalysisPage(
        kind="Drift over lots",
        title=frozen.name,
        verdict=(
            ("ok", "In control: no rule is broken")
            if not violations
            else ("bad", f"{plural(len(out), 'lot')} out of control")
        ),
        number=str(len(out)),
        unit=f"of {plural(len(lots), 'lot')}",
        number_words="break a rule in "
        + (", ".join(dict.fromkeys(each.column for each in violations)) or "no quantity"),
        facts=(
            ("lots", str(len(lots))),
            ("lots of phase I", str(len(frozen.lots))),
            ("rules", ", ".join(frozen.settings.rules)),
        ),
        notices=_notices(frozen, found),
        sections=(*(_section(one, frozen) for one in found), _violations(violations)),
        provenance=(
            ("limits SHA-256", content_sha256(frozen)),
            ("lots of phase I", ", ".join(frozen.lots)),
            ("left out of phase I", "; ".join(f"{k}: {v}" for k, v in frozen.left_out.items())
             or "none"),
            ("sigma", "mean moving range of two lots over 1.128"),
        ),
    )  # fmt: skip


def _notices(frozen: FrozenLimits, found: Sequence[Watched]) -> tuple[str, ...]:
    told = []
    fewest = min((each.n_lots for each in frozen.quantities), default=0)
    if fewest < _ROUGH:
        told.append(
            f"The limits stand on {fewest} lots: below {_ROUGH} they are rough, and rules are "
            "broken by chance more often than they say."
        )
    watched = {one.limits.column for one in found}
    absent = [each.column for each in frozen.quantities if each.column not in watched]
    if absent:
        told.append(f"Not in the table, and not watched: {', '.join(absent)}.")
    told += [
        f"No value of {one.limits.column}: {', '.join(one.unknown)}."
        for one in found
        if one.unknown
    ]
    return tuple(told)


def _violations(violations: Sequence[Violation]) -> Section:
    """A row a quantity and rule: its first lot matters, and how many follow."""
    if not violations:
        return Section("Rules broken", reading="None.")
    groups: dict[tuple[str, str], list[Violation]] = {}
    for each in violations:
        groups.setdefault((each.column, each.rule), []).append(each)
    names = ("Quantity", "Rule", "In words", "First lot", "Lots", "Side", "Source")
    rows = tuple(
        (column, rule, all_[0].words, all_[0].lot, len(all_), all_[0].side, all_[0].source)
        for (column, rule), all_ in groups.items()
    )
    return Section("Rules broken", tables=(AnalysisTable("By quantity and rule", names, rows),))


def _section(one: Watched, frozen: FrozenLimits) -> Section:
    title = headed(one.limits.column)
    if not one.lots:
        return Section(title, reading="No lot has a value.")
    names = ("Lot", "Value", "Sigmas from the centre", "EWMA", "CUSUM up", "CUSUM down", "Rules")
    rows = tuple(
        (each.name, each.value, each.z, each.ewma, each.cusum_up, each.cusum_down,
         ", ".join(each.rules) or "–")
        for each in one.lots
    )  # fmt: skip
    return Section(
        title,
        (_individuals(one), _ewma(one), _cusum(one, frozen.settings.cusum_limit)),
        "First the lots with centre, 2 sigma (dotted) and 3 sigma (dashed) limits, frozen; red "
        "lots complete a rule. Then the EWMA with its limits, and the CUSUM sums: upwards full, "
        "downwards pale and below zero.",
        (AnalysisTable("Lots", names, rows),),
    )


def _individuals(one: Watched) -> Markup:
    limits = one.limits
    places = [(float(i), lot.value) for i, lot in enumerate(one.lots, 1)]
    good = [i for i, lot in enumerate(one.lots) if not lot.rules]
    bad = [i for i, lot in enumerate(one.lots) if lot.rules]
    marks = [
        Points([places[i] for i in which], [_lot_words(one.lots[i]) for i in which], kind)
        for which, kind in ((good, "dot"), (bad, "dot-out"))
        if which
    ]
    return xy_chart(
        f"Individuals chart of {limits.column}", "lot, in order", headed(limits.column),
        marks, [Curve(places)], _levels(limits),
    )  # fmt: skip


def _levels(limits: QuantityLimits) -> list[Level]:
    return [
        Level(limits.at(3), "+3 sigma", "limit"),
        Level(limits.at(2), "", "warning"),
        Level(limits.at(0), "centre", "mean"),
        Level(limits.at(-2), "", "warning"),
        Level(limits.at(-3), "-3 sigma", "limit"),
    ]


def _ewma(one: Watched) -> Markup:
    smooth = [(float(i), lot.ewma) for i, lot in enumerate(one.lots, 1)]
    high = [(float(i), lot.ewma_limit) for i, lot in enumerate(one.lots, 1)]
    low = [(x, -y) for x, y in high]
    return xy_chart(
        f"EWMA of {one.limits.column}", "lot, in order", "EWMA, sigmas",
        [Points(smooth, [lot.name for lot in one.lots])],
        [Curve(smooth), Curve(high, kind="limit"), Curve(low, kind="limit")], height=190.0,
    )  # fmt: skip


def _cusum(one: Watched, limit: float) -> Markup:
    up = [(float(i), lot.cusum_up) for i, lot in enumerate(one.lots, 1)]
    down = [(float(i), -lot.cusum_down) for i, lot in enumerate(one.lots, 1)]
    words = [lot.name for lot in one.lots]
    return xy_chart(
        f"CUSUM of {one.limits.column}", "lot, in order", "CUSUM, sigmas",
        [Points(up, words), Points(down, words, "dot-pale")],
        levels=[Level(limit, "up", "limit"), Level(-limit, "down", "limit")], height=190.0,
    )  # fmt: skip


def _lot_words(lot: Lot) -> str:
    told = f", breaks {', '.join(lot.rules)}" if lot.rules else ""
    return f"{lot.name}: {lot.value:.4g}, {lot.z:+.2f} sigma{told}"


def tables_of(found: Sequence[Watched]) -> dict[str, list[dict[str, Any]]]:
    """Every table, by name; `violations` is empty where no rule is broken."""
    lots = [
        {"column": one.limits.column, "lot": lot.name, "value": lot.value, "z": lot.z,
         "ewma": lot.ewma, "ewma_limit": lot.ewma_limit, "cusum_up": lot.cusum_up,
         "cusum_down": lot.cusum_down, "rules": " ".join(lot.rules)}
        for one in found for lot in one.lots
    ]  # fmt: skip
    violations = [
        {"column": v.column, "lot": v.lot, "rule": v.rule, "words": v.words, "side": v.side,
         "source": v.source}
        for one in found for v in one.violations
    ]  # fmt: skip
    limits = [
        {"column": one.limits.column, "centre": one.limits.at(0), "low": one.limits.at(-3),
         "high": one.limits.at(3), "sigma": one.limits.sigma, "log": one.limits.log,
         "n_lots": one.limits.n_lots}
        for one in found
    ]  # fmt: skip
    return {"lots": lots, "violations": violations, "limits": limits}
