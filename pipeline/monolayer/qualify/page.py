"""The qualification as a page and as tables."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from monolayer.drawing.numbers import grouped, plural
from monolayer.qualify.precision import FACTORS
from monolayer.qualify.qualification import Qualification
from monolayer.qualify.record import QualificationRecord
from monolayer.qualify.series import SeriesQuality, predicted
from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section
from monolayer.report.plots import Curve, Level, Points, Row, row_chart, xy_chart
from monolayer.summarise.intervals import Interval

__all__ = ["page_of", "series_rows", "tables_of"]


def page_of(
    found: Qualification,
    record: QualificationRecord,
    sha256: str,
    others: Sequence[SeriesQuality] = (),
) -> AnalysisPage:
    """Draw what was found; `others` are the other counting methods of the same file."""
    series = found.series
    index = series.intervals["pi_sa_scaled"]
    title = f"{record.method_name} {record.method_version}".strip()
    return AnalysisPage(
        kind="Method qualification",
        title=title,
        verdict=_verdict(record),
        number=grouped(series.fit.pi_sa_scaled),
        unit="",
        number_words=f"proportionality index, absolute, scaled{_words(index)}: 0 is proportional",
        facts=_facts(found),
        notices=_notices(found, record),
        sections=tuple(_sections(found, record, others)),
        provenance=_provenance(record, sha256),
    )


def _verdict(record: QualificationRecord) -> tuple[str, str]:
    if record.qualified:
        return "ok", "Qualified: every limit of the plan is held"
    unset = all(each.limit is None for each in record.verdicts)
    return ("warn", "Not judged: the plan sets no limit") if unset else ("bad", "Not qualified")


def _facts(found: Qualification) -> tuple[tuple[str, str], ...]:
    series = found.series
    facts = [
        ("R² (uncentred)", f"{series.fit.r2_uncentred:.5f}"),
        ("largest CV", "–" if series.largest_cv is None else f"{100 * series.largest_cv:.1f} %"),
        ("fractions", str(series.n_fractions)),
        ("samples", str(series.n_samples)),
        ("observations", str(series.n_observations)),
    ]
    if found.budget.expanded_percent is not None:
        facts.append(("expanded uncertainty", f"{found.budget.expanded_percent:.1f} %"))
    return tuple(facts)


def _notices(found: Qualification, record: QualificationRecord) -> tuple[str, ...]:
    told = [f"Not qualified: {reason}." for reason in record.reasons]
    if found.series.standard.startswith("adapted"):
        told.append(
            "ISO 20391-2 is about cells in suspension: this series of seeding densities is adapted "
            "from it, and assumes that the attached fraction is the same at every density."
        )
    if found.budget.unknown:
        told.append(
            "The uncertainty budget is a lower bound: nobody told "
            f"{', '.join(found.budget.unknown)}."
        )
    return tuple(told)


def _sections(
    found: Qualification, record: QualificationRecord, others: Sequence[SeriesQuality]
) -> list[Section]:
    parts = [_series_section(found, others), _limits_section(record), _scatter_section(found)]
    if found.agreement is not None:
        parts.append(_agreement_section(found))
    if found.precision is not None:
        parts.append(_precision_section(found))
    parts.append(_budget_section(found))
    if found.detection is not None:
        parts.append(_detection_section(found))
    return parts


def _series_section(found: Qualification, others: Sequence[SeriesQuality]) -> Section:
    series, fit = found.series, found.series.fit
    ends = [0.0, max(x for x, _ in series.samples)]
    marks = Points(
        series.samples, [f"fraction {x:g}: {grouped(y)} {found.unit}" for x, y in series.samples]
    )
    curves = [
        Curve([(x, fit.slope * x) for x in ends], "", "mean"),
        Curve(predicted(series.samples, fit.degree), "", "interval"),
    ]
    drawn = xy_chart(
        "Samples, proportional and flexible model", "fraction", found.unit, [marks], curves,
        from_zero=True,
    )  # fmt: skip
    return Section(
        "Is half counted as half?",
        (drawn,),
        "Each dot is a sample's mean. The dashed line through the origin is the proportional "
        f"model, the solid one the polynomial of degree {fit.degree}; the index is what lies "
        "between the two models. It is a sum over samples: compare methods of one design only. "
        f"Computed as: {series.standard}. R² is that of the weighted fit without intercept "
        "(uncentred), as COMET computes it; the centred one is another number.",
        (_table("Counting methods", [_shown(each) for each in (series, *others)]),),
    )


def _limits_section(record: QualificationRecord) -> Section:
    rows = tuple(
        (each.name, each.value, each.limit, {True: "held", False: "not held", None: "no limit"}[
            each.passed])
        for each in record.verdicts
    )  # fmt: skip
    names = ("Figure", "Value", "Limit of the plan", "Verdict")
    return Section(
        "Held against the plan", tables=(AnalysisTable("Verdicts", names, rows, alike=False),)
    )


def _scatter_section(found: Qualification) -> Section:
    rows = [
        Row(f"fraction {each.target:g}", None if each.cv is None else 100 * each.cv,
            words="–" if each.cv is None else f"{100 * each.cv:.1f} %")
        for each in found.series.scatter
    ]  # fmt: skip
    chart = row_chart("CV of each fraction", "CV, %", rows, from_zero=True)
    return Section("Scatter", (chart,), "", (_table("Scatter by fraction", _scatter(found)),))


def _agreement_section(found: Qualification) -> Section:
    seen = found.agreement
    assert seen is not None
    marks = Points(
        [(pair.mean, pair.percent) for pair in found.pairs],
        [f"{pair.sample}: {pair.percent:+.1f} %" for pair in found.pairs],
    )
    named = (("bias", seen.bias, "mean"), ("lower limit", seen.low, "limit"),
             ("upper limit", seen.high, "limit"))  # fmt: skip
    levels = [Level(value, name, kind) for name, value, kind in named if value is not None]
    chart = xy_chart(
        "Differences from the second counter", f"mean of both, {found.unit}", "difference, %",
        [marks], levels=levels,
    )  # fmt: skip
    return Section(
        "Against the second counter",
        (chart,),
        "Bland and Altman (1986): each dot is a sample, the limits of agreement hold that share of "
        "single differences if they are normal.",
        (_table("Agreement", [agreement_row(found)]),),
    )


def agreement_row(found: Qualification) -> dict[str, Any]:
    """Bias and limits as one row, in percent."""
    seen = found.agreement
    assert seen is not None
    return {
        "n_pairs": seen.n,
        "bias_percent": seen.bias,
        "bias_ci_low_percent": seen.interval.low,
        "bias_ci_high_percent": seen.interval.high,
        "sd_percent": seen.sd,
        "limit_low_percent": seen.low,
        "limit_high_percent": seen.high,
    }


def _precision_section(found: Qualification) -> Section:
    seen = found.precision
    assert seen is not None
    rows = [
        Row(f"{each.source} ({plural(each.n_levels, 'level')})" if each.source in FACTORS
            else each.source,
            each.cv_percent, each.ci_low_percent, each.ci_high_percent,
            words=f"{each.cv_percent:.2f} %")
        for each in seen.components
    ]  # fmt: skip
    rows.append(
        Row("intermediate precision", seen.intermediate_percent, seen.intermediate_low_percent,
            seen.intermediate_high_percent, words=f"{seen.intermediate_percent:.2f} %")
    )  # fmt: skip
    apart = (
        f" Not told apart by this design, and so within other components: "
        f"{', '.join(seen.not_apart)}."
        if seen.not_apart
        else ""
    )
    return Section(
        "Operator, day, instrument",
        (row_chart("Variance components", "CV, %", rows, from_zero=True),),
        f"Intermediate precision after ISO 5725-3: REML of random effects on the logarithm of "
        f"{plural(seen.n, 'measurement')}; repeatability {seen.repeatability_percent:.2f} %, "
        f"intermediate precision {seen.intermediate_percent:.2f} % "
        f"({seen.intermediate_low_percent:.2f} to {seen.intermediate_high_percent:.2f} %). Bars "
        f"are {seen.confidence:.0%} intervals (generalised; of the whole, modified large-sample). "
        f"A component of fewer than five levels is a rough one.{apart}",
        (_table("Variance components", [asdict(each) for each in seen.components]),),
    )


def _detection_section(found: Qualification) -> Section:
    seen, low = found.detection, found.series.scatter[0]
    assert seen is not None
    return Section(
        "Limit of detection",
        reading=f"{seen.method}. The low samples are those of the lowest fraction, mean "
        f"{grouped(low.mean)} {found.unit}: where that is far above the limit, their scatter is "
        "larger than at the limit, and the limit is on the safe side.",
        tables=(_table("Limits", [_flat(seen)]),),
    )


def _budget_section(found: Qualification) -> Section:
    seen = found.budget
    rows = [
        Row(each.source, each.contributed_percent, words="unknown"
            if each.contributed_percent is None else f"{each.contributed_percent:.2f} %")
        for each in seen.contributions
    ]  # fmt: skip
    total = "nothing is known"
    if seen.standard_percent is not None:
        total = (
            f"combined {seen.standard_percent:.4g} %, expanded (k = {seen.coverage_factor:g}) "
            f"{seen.expanded_percent:.4g} %"
        )
    return Section(
        "Uncertainty budget",
        (
            row_chart(
                "Contributions to the uncertainty", "standard uncertainty, %", rows, from_zero=True
            ),
        ),
        f"GUM (JCGM 100:2008): {total}. Uncorrelated sources, root of the sum of squares.",
        (_table("Contributions", _contributions(found)),),
    )


def tables_of(
    found: Qualification, others: Sequence[SeriesQuality] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Every table, by name."""
    tables = {
        "series": [series_rows(each) for each in (found.series, *others)],
        "scatter": _scatter(found),
        "uncertainty": _contributions(found),
    }
    if found.agreement is not None:
        tables["agreement"] = [agreement_row(found)]
        tables["pairs"] = [_flat(pair) | {"percent": pair.percent} for pair in found.pairs]
    if found.precision is not None:
        tables["precision"] = [asdict(each) for each in found.precision.components]
    if found.detection is not None:
        tables["detection"] = [_flat(found.detection)]
    return tables


def series_rows(series: SeriesQuality) -> dict[str, Any]:
    """One counting method's figures as a row."""
    fit, intervals = series.fit, series.intervals
    row: dict[str, Any] = {"counting_method": series.method}
    for name in ("slope", "pi_sa_scaled", "pi_ss_scaled", "r2_uncentred"):
        row |= {
            name: getattr(fit, name),
            f"{name}_ci_low": intervals[name].low,
            f"{name}_ci_high": intervals[name].high,
        }
    return row | {
        "r2_centred": fit.r2_centred,
        "pi_sa": fit.pi_sa,
        "pi_ss": fit.pi_ss,
        "largest_cv": series.largest_cv,
        "n_samples": series.n_samples,
        "n_observations": series.n_observations,
        "ci_method": intervals["pi_sa_scaled"].method,
    }


def _shown(series: SeriesQuality) -> dict[str, Any]:
    """What of a row has room on a page."""
    fit, interval = series.fit, series.intervals["pi_sa_scaled"]
    between = f"{grouped(interval.low)} to {grouped(interval.high)}"
    return {
        "counting method": series.method,
        "slope": fit.slope,
        "PI absolute, scaled": fit.pi_sa_scaled,
        f"{interval.confidence:.0%} interval": between,
        "PI squared, scaled": fit.pi_ss_scaled,
        "R² uncentred": f"{fit.r2_uncentred:.7f}",
        "R² centred": None if fit.r2_centred is None else f"{fit.r2_centred:.7f}",
        "largest CV": series.largest_cv,
    }


def _scatter(found: Qualification) -> list[dict[str, Any]]:
    return [asdict(each) for each in found.series.scatter]


def _contributions(found: Qualification) -> list[dict[str, Any]]:
    return [
        asdict(each) | {"contributed_percent": each.contributed_percent}
        for each in found.budget.contributions
    ]


def _flat(record: Any) -> dict[str, Any]:
    return asdict(record)


def _table(caption: str, rows: Sequence[dict[str, Any]]) -> AnalysisTable:
    names = tuple(rows[0])
    heads = tuple(name.replace("_", " ") for name in names)
    return AnalysisTable(caption, heads, tuple(tuple(row[name] for name in names) for row in rows))


def _words(interval: Interval) -> str:
    if interval.low is None:
        return ""
    return (
        f", {interval.confidence:.0%} interval {grouped(interval.low)} to {grouped(interval.high)}"
    )


def _provenance(record: QualificationRecord, sha256: str) -> tuple[tuple[str, str], ...]:
    method = record.method_sha256 or "none: the series names no method file"
    return (
        ("computed as", record.standard),
        ("method SHA-256", method),
        ("plan", f"{record.plan}, SHA-256 {record.plan_sha256}"),
        ("record SHA-256", sha256),
        *((f"data {name}", value) for name, value in record.data_sha256.items()),
    )
