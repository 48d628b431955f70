"""A design of factors as a page and as tables."""

from typing import Any

import numpy as np

from monolayer.compare.designs import runs_of
from monolayer.compare.factors import FactorAnalysis, FactorFit
from monolayer.compare.factors_tables import (
    as_change,
    donor_level,
    effect_row,
    named_tests,
    natural,
    optimum_rows,
    reader,
    response_row,
    steps,
)
from monolayer.compare.plan import ComparisonPlan
from monolayer.compare.surface import in_region, surface_at
from monolayer.compare.terms import coded_runs, model_terms
from monolayer.drawing.headings import headed, unit_of, words_of
from monolayer.drawing.numbers import grouped, plural
from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section
from monolayer.report.plots import Curve, Points, Row, heat_map, row_chart, xy_chart
from monolayer.settings_file import content_sha256

__all__ = ["factor_sentences", "factors_page"]

_GRID = 41
_FEW = 4


def factors_page(found: FactorAnalysis, notices: tuple[str, ...] = ()) -> AnalysisPage:
    """Draw what was found; `notices` come first."""
    lead, plan = found.fits[0], found.plan
    number, unit, words = _number(lead, plan)
    sections = [section for fit in found.fits for section in _sections(fit, plan)]
    return AnalysisPage(
        kind=f"Design of factors: {plan.design.kind.replace('-', ' ')}",
        title=f"{plan.name} {plan.version}",
        verdict=_verdict(lead, plan),
        number=number,
        unit=unit,
        number_words=words,
        facts=(
            ("donors", str(len(lead.donors))),
            ("runs", str(len({cell.run for cell in lead.cells}))),
            ("wells", str(lead.n_wells)),
            ("factors", str(len(plan.design.factors))),
        ),
        notices=(*notices, *_notices(found)),
        sections=tuple(sections),
        provenance=(
            ("plan SHA-256", content_sha256(plan)),
            ("model", ", ".join(term.name for term in model_terms(plan.design))),
            ("effects", "least squares donor by donor on means of runs, Student's t over donors"),
            ("beside them", "REML, donor a random block, one mean a donor and run"),
            ("correction", "Holm 1979, over the terms of one endpoint"),
            *(
                (f"factor {each.name}", f"{each.low:g} to {each.high:g}")
                for each in plan.design.factors
            ),
        ),
    )


def factor_sentences(found: FactorAnalysis) -> list[str]:
    """What a terminal is told, endpoint by endpoint."""
    lines = []
    for fit in found.fits:
        lines.append(f"{fit.endpoint.column}: {_verdict(fit, found.plan)[1]}")
        for each in fit.effects:
            row = effect_row(each, fit)
            within = _between(row["change_ci_low"], row["change_ci_high"])
            p = "" if each.p_holm is None else f"; p {each.p_holm:.3g} (Holm)"
            lines.append(f"  {each.term.name}: {_change(fit)} {row['change']:.4g} ({within}){p}")
        lines += [f"  {words}" for words in (*_tests(fit), *_optimum_words(fit, found.plan))]
    if found.absent:
        lines.append(f"no data for {', '.join(found.absent)}")
    return lines


def _number(fit: FactorFit, plan: ComparisonPlan) -> tuple[str, str, str]:
    column = words_of(fit.endpoint.column)
    if fit.optimum is not None:
        shown = response_row(fit, fit.optimum.response)
        interval = _between(shown["mean_ci_low"], shown["mean_ci_high"])
        return (
            grouped(shown["mean"]),
            unit_of(fit.endpoint.column),
            f"{column} that the surface gives at its best place, interval {interval}, "
            f"{plural(len(fit.donors), 'donor')}",
        )
    acting = [each for each in fit.acting(plan.alpha) if each.term.kind == "factor"]
    names = ", ".join(each.term.name for each in acting) or "none"
    total = len(plan.design.factors)
    return f"{len(acting)} of {total}", "", f"factors shown to act on {column}: {names}"


def _verdict(fit: FactorFit, plan: ComparisonPlan) -> tuple[str, str]:
    acting = fit.acting(plan.alpha)
    if not acting:
        return "warn", "nothing is shown to act"
    lacking = fit.lack_of_fit is not None and fit.lack_of_fit.p < plan.alpha
    if lacking:
        return "warn", "the model does not fit: runs are off it by more than donors disagree"
    if fit.optimum is None:
        return "ok", f"{plural(len(acting), 'term')} shown to act"
    if fit.optimum.inside:
        return "ok", f"a {fit.optimum.nature} inside the region"
    return "warn", f"no {_wanted(fit)} inside the region: the best place is on its edge"


def _wanted(fit: FactorFit) -> str:
    return "maximum" if fit.endpoint.goal == "maximise" else "minimum"


def _notices(found: FactorAnalysis) -> tuple[str, ...]:
    told, plan = [], found.plan
    for fit in found.fits:
        column, optimum = fit.endpoint.column, fit.optimum
        if fit.left_out:
            told.append(
                f"{column}: {', '.join(fit.left_out)} lack runs that the model needs, and are in "
                "the mixed model only."
            )
        if len(fit.donors) < _FEW:
            told.append(
                f"{column}: {len(fit.donors)} donors leave {plural(len(fit.donors) - 1, 'degree')} "
                "of freedom, so intervals over donors are wide; the random block's stand on all "
                "donors reacting alike."
            )
        if optimum is None:
            continue
        if not fit.acting(plan.alpha):
            told.append(f"{column}: nothing is shown to act, so the best place is one of noise.")
        elif any(each.low is None or each.low <= 0 <= (each.high or 0) for each in optimum.bends):
            told.append(
                f"{column}: along one direction the surface is not shown to bend, so that its "
                "best place is open along it."
            )
    if plan.design.kind == "screening":
        told.append(
            "A screening design mixes factors with interactions of two others; what acts here is "
            "to be followed by a design that tells them apart."
        )
    elif plan.design.kind != "definitive-screening":
        told.append(
            "The best place was chosen from these data and flatters itself: run it again, in new "
            "wells and donors."
        )
    if found.absent:
        told.append(f"No data for {', '.join(found.absent)}.")
    return tuple(told)


def _sections(fit: FactorFit, plan: ComparisonPlan) -> list[Section]:
    surface = [] if fit.optimum is None else [_surface_section(fit, plan)]
    return [*surface, _effects_section(fit, plan), _fit_section(fit)]


def _effects_section(fit: FactorFit, plan: ComparisonPlan) -> Section:
    ratio = fit.endpoint.scale == "ratio"
    ordered = sorted(fit.effects, key=lambda each: -abs(steps(each.term) * each.coefficient.mean))
    rows = []
    for each in ordered:
        row = effect_row(each, fit)
        rows.append(Row(each.term.name, row["change"], row["change_ci_low"], row["change_ci_high"]))
    chart = row_chart(
        f"Effects on {fit.endpoint.column}",
        f"{_change(fit)} of {words_of(fit.endpoint.column)}",
        rows,
        1.0 if ratio else 0.0,
    )
    heads = ("Term", _change(fit), "Interval", "p (Holm)", "Random block's interval")
    table = [
        (
            each.term.name,
            as_change(fit, each.term, each.coefficient.mean),
            _between(
                as_change(fit, each.term, each.coefficient.low),
                as_change(fit, each.term, each.coefficient.high),
            ),
            None if each.p_holm is None else f"{each.p_holm:.3g}",
            _between(
                as_change(fit, each.term, each.block_low),
                as_change(fit, each.term, each.block_high),
            ),
        )
        for each in ordered
    ]
    return Section(
        f"What acts on {words_of(fit.endpoint.column)}",
        (chart,),
        f"A factor's bar is what its high level gives over its low one, with the "
        f"{1 - plan.alpha:.0%} interval over donors; an interaction's is how far the other factor "
        "changes that; a square's is how far both ends lie above the middle, and the centre's how "
        "far the middle lies above the corners. The dashed line is no effect. The random block's "
        "interval takes all donors to react alike, and is narrower where they do not.",
        (
            AnalysisTable("Effects", heads, tuple(table)),
            AnalysisTable(
                f"Donor by donor: {_change(fit)}",
                ("Term", *fit.donors),
                tuple(
                    (each.term.name, *(as_change(fit, each.term, v) for _, v in each.by_donor))
                    for each in ordered
                ),
            ),
        ),
    )


def _fit_section(fit: FactorFit) -> Section:
    shown = reader(fit)
    places = [(shown(cell.predicted + donor_level(fit, cell.donor)), shown(cell.observed))
              for cell in fit.cells]  # fmt: skip
    words = [
        f"{cell.donor}, run {cell.run}: {grouped(at[1])}, the model says {grouped(at[0])}"
        for cell, at in zip(fit.cells, places, strict=True)
    ]
    ends = [min(x for x, _ in places), max(x for x, _ in places)]
    chart = xy_chart(
        f"Runs of {fit.endpoint.column} against the model",
        "what the model says, the donor's own level put in",
        f"{words_of(fit.endpoint.column)}, mean of a donor's wells",
        [Points(places, words)],
        [Curve([(end, end) for end in ends], kind="mean")],
        height=260.0,
    )
    return Section(
        f"Does the model fit {words_of(fit.endpoint.column)}?", (chart,),
        " ".join(_tests(fit)), (AnalysisTable("F tests within blocks", *_test_table(fit)),),
    )  # fmt: skip


def _tests(fit: FactorFit) -> list[str]:
    told = []
    for name, test in named_tests(fit):
        if test is None:
            told.append(f"{name.capitalize()}: the design leaves nothing to test it by.")
        else:
            told.append(
                f"{name.capitalize()}: F({test.df_effect}, {test.df_error}) = {test.f:.3g}, "
                f"p {test.p:.3g}."
            )
    return told


def _test_table(
    fit: FactorFit,
) -> tuple[tuple[str, ...], tuple[tuple[str | float | None, ...], ...]]:
    rows = tuple(
        (
            name,
            *(
                (None, None, None, "–")
                if t is None
                else (t.f, t.df_effect, t.df_error, f"{t.p:.3g}")
            ),
        )
        for name, t in named_tests(fit)
    )
    return ("Test", "F", "df", "df of error", "p"), rows


def _surface_section(fit: FactorFit, plan: ComparisonPlan) -> Section:
    rows = optimum_rows(fit, plan)
    heads = ("Factor", "Best", "Level place", "Interval", "Limits")
    shown = tuple(
        (
            row["factor"],
            row["best"],
            row["stationary"],
            _between(row["stationary_ci_low"], row["stationary_ci_high"]),
            f"{row['low']:g} to {row['high']:g}",
        )
        for row in rows
    )
    return Section(
        f"The surface of {words_of(fit.endpoint.column)}",
        (_map(fit, plan),),
        " ".join(_optimum_words(fit, plan))
        + " The map holds the other factors at the best place; rings are runs, at their own levels "
        "of those; places farther out than every run are left blank.",
        (AnalysisTable("Where it is best, and where the surface is level", heads, shown),),
    )


def _optimum_words(fit: FactorFit, plan: ComparisonPlan) -> list[str]:
    best = fit.optimum
    if best is None:
        return []
    at = ", ".join(f"{row['factor']} {row['best']:.4g}" for row in optimum_rows(fit, plan))
    there, gain = response_row(fit, best.response), response_row(fit, best.gain)
    kind = "times" if fit.endpoint.scale == "ratio" else "more than"
    where = "inside the region" if best.inside else "on the region's edge"
    return [
        f"Best place, {where}: {at}.",
        f"There {grouped(there['mean'])} ({_between(there['mean_ci_low'], there['mean_ci_high'])} "
        f"in the mean, {_between(there['donor_low'], there['donor_high'])} in one further donor), "
        f"{grouped(gain['mean'])} ({_between(gain['mean_ci_low'], gain['mean_ci_high'])}) {kind} "
        "in the middle.",
        f"The surface's level place is a {best.nature}"
        + ("." if best.stationary is None else f", {_away(fit)}."),
    ]


def _away(fit: FactorFit) -> str:
    best = fit.optimum
    assert best is not None
    assert best.stationary is not None
    if in_region(np.array(best.stationary), best.radius):
        return "inside the region"
    return "outside the region, where nothing was measured"


def _map(fit: FactorFit, plan: ComparisonPlan) -> Any:
    """Two factors against each other, the others at the best place."""
    best, factors = fit.optimum, plan.design.factors
    assert best is not None
    terms, mean = model_terms(plan.design), _mean(fit)
    first, second = _widest(fit)
    ticks = np.linspace(-1, 1, _GRID)
    values: list[list[float | None]] = []
    for up in ticks:
        line: list[float | None] = []
        for along in ticks:
            place = np.array(best.best)
            place[[first, second]] = along, up
            inside = in_region(place, best.radius + 0.02)
            line.append(
                reader(fit)(float(surface_at(mean, terms, place[np.newaxis])[0]))
                if inside
                else None
            )
        values.append(line)
    coded = coded_runs(plan.design, runs_of(plan))
    return heat_map(
        f"Surface of {fit.endpoint.column}",
        (headed(factors[first].name), factors[first].low, factors[first].high),
        (headed(factors[second].name), factors[second].low, factors[second].high),
        values,
        headed(fit.endpoint.column),
        mark=(natural(plan, first, best.best[first]), natural(plan, second, best.best[second])),
        dots=[(natural(plan, first, row[first]), natural(plan, second, row[second]))
              for row in coded.tolist()],
    )  # fmt: skip


def _widest(fit: FactorFit) -> tuple[int, int]:
    """The two factors with the largest coefficients in all."""
    n = len([each for each in fit.effects if each.term.kind == "factor"])
    weight = [0.0] * n
    for each in fit.effects:
        for place in set(each.term.places):
            weight[place] += abs(each.coefficient.mean)
    first, second = sorted(sorted(range(n), key=lambda i: -weight[i])[:2])
    return first, second


def _mean(fit: FactorFit) -> Any:
    return np.array([fit.centre.mean, *(each.coefficient.mean for each in fit.effects)])


def _change(fit: FactorFit) -> str:
    return "ratio, high to low" if fit.endpoint.scale == "ratio" else "change, low to high"


def _between(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{grouped(low)} to {grouped(high)}"
