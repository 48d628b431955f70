"""The comparison as a page and as tables."""

import math
from typing import Any

from monolayer.compare.analyse import Comparison, Contrast
from monolayer.compare.plan import Endpoint
from monolayer.drawing.headings import headed, unit_of, words_of
from monolayer.drawing.numbers import grouped, plural
from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section
from monolayer.report.plots import Band, Row, row_chart
from monolayer.settings_file import content_sha256

__all__ = ["UNPROVEN", "page_of", "tables_of", "verdict_words"]

UNPROVEN = (
    "The data do not carry the plan's hash, so nothing here shows that the margins were set before "
    "they were seen; 'monolayer compare design' writes it into every row."
)


def page_of(found: Comparison, *, laid_out: bool) -> AnalysisPage:
    """Draw what was found; `laid_out`: the data name this plan as the one of their design."""
    plan = found.plan
    lead = found.contrasts[0]
    return AnalysisPage(
        kind="Media comparison",
        title=f"{plan.name} {plan.version}",
        verdict=_verdict(found),
        number=grouped(lead.mean),
        unit="" if lead.endpoint.scale == "ratio" else unit_of(lead.endpoint.column),
        number_words=f"{_what(lead)}{_interval(lead)}, {plural(len(lead.pairs), 'donor')}",
        facts=(
            ("donors", str(len(lead.pairs))),
            ("wells", str(lead.n_wells)),
            ("media", str(len(plan.arms))),
            ("margin set", _margin(lead.endpoint)),
        ),
        notices=_notices(found, laid_out=laid_out),
        sections=(_forest(found), _side_by_side(found), _donors(found), _details(found)),
        provenance=(
            ("plan SHA-256, margins included", content_sha256(plan)),
            ("test", "two one-sided paired t tests, donors as units (Schuirmann 1987)"),
            ("mixed model", "REML, donor a random block, one mean a donor and medium"),
            ("effect size", "Hedges' g of paired differences, noncentral t"),
            *((f"medium {arm.name}", f"{arm.kind.value}: {arm.kind.meaning}") for arm in plan.arms),
        ),
    )


def verdict_words(found: Comparison) -> list[str]:
    """One sentence a medium."""
    told = []
    for arm in found.plan.arms:
        if arm.name == found.plan.reference:
            continue
        same = found.equivalent(arm.name)
        words = {
            True: "equivalent in every primary endpoint",
            False: "not shown to be equivalent",
            None: "not judged: the plan names no primary endpoint",
        }[same]
        told.append(f"{arm.name} against {found.plan.reference}: {words}")
    return told


def _verdict(found: Comparison) -> tuple[str, str]:
    told = [found.equivalent(a.name) for a in found.plan.arms if a.name != found.plan.reference]
    words = "; ".join(verdict_words(found))
    if any(each is None for each in told):
        return "warn", words
    return ("ok" if all(told) else "warn"), words


def _notices(found: Comparison, *, laid_out: bool) -> tuple[str, ...]:
    told = [] if laid_out else [UNPROVEN]
    if any(each.equivalent is False for each in found.contrasts):
        told.append(
            "Not shown to be equivalent is not the same as different: the interval says what the "
            "donors leave open."
        )
    unpaired = sorted({donor for each in found.contrasts for donor in each.unpaired})
    if unpaired:
        told.append(
            f"Left out of the paired tests, because one medium is missing: {', '.join(unpaired)}. "
            "The mixed model uses them."
        )
    if found.absent:
        told.append(f"No data for {', '.join(found.absent)}.")
    if sum(each.test is not None and not each.endpoint.primary for each in found.contrasts) > 1:
        told.append(
            "Endpoints that are not primary are each tested at alpha of their own: read them as "
            "description."
        )
    return tuple(told)


def _forest(found: Comparison) -> Section:
    ratios = [each for each in found.contrasts if each.endpoint.scale == "ratio"]
    charts = []
    if ratios:
        charts.append(row_chart("Ratios of geometric means", "ratio to the reference",
                                [_row(each) for each in ratios], 1.0))  # fmt: skip
    plain = [each for each in found.contrasts if each.endpoint.scale == "difference"]
    for column in dict.fromkeys(each.endpoint.column for each in plain):
        rows = [_row(each) for each in plain if each.endpoint.column == column]
        name = f"{column.replace('_', ' ')}, difference from the reference"
        charts.append(row_chart(f"Differences of {column}", name, rows, 0.0))
    share = 1 - 2 * found.plan.alpha
    return Section(
        "Within the margin?",
        tuple(charts),
        f"Each bar is the {share:.0%} interval, the pale band the margin that the plan set; a bar "
        "wholly inside its band is equivalence. The dashed line is equality.",
    )


def _row(each: Contrast) -> Row:
    low, high = each.endpoint.margin_low, each.endpoint.margin_high
    band = None if low is None or high is None else Band(low, high)
    return Row(f"{each.medium}: {words_of(each.endpoint.column)}", each.mean, each.low, each.high,
               band=band)  # fmt: skip


def _side_by_side(found: Comparison) -> Section:
    columns = list(dict.fromkeys(each.column for each in found.means))
    by_arm = {(each.medium, each.column): each for each in found.means}
    rows = []
    for arm in found.plan.arms:
        means = [by_arm.get((arm.name, column)) for column in columns]
        values = [None if mean is None else mean.mean for mean in means]
        n = max((mean.n_donors for mean in means if mean), default=0)
        rows.append((arm.name, arm.kind.value, n, *values))
    names = ("Medium", "Kind", "Donors", *(headed(column) for column in columns))
    return Section(
        "Growth, yield, morphology and cost side by side",
        reading="Means over donors; geometric where the endpoint is compared by ratio.",
        tables=(AnalysisTable("Media", names, tuple(rows)),),
    )


def _donors(found: Comparison) -> Section:
    lead = found.contrasts[0]
    shown = _shown(lead.endpoint)
    band = _row(lead).band
    rows = [Row(donor, shown(value), band=band) for donor, value in lead.pairs]
    ratio = lead.endpoint.scale == "ratio"
    against = "over" if ratio else "less"
    chart = row_chart(
        f"Donors, {lead.endpoint.column}",
        f"{headed(lead.endpoint.column)}: {lead.medium} {against} {lead.reference}",
        rows,
        1.0 if ratio else 0.0,
    )
    return Section(
        f"Donor by donor: {words_of(lead.endpoint.column)}",
        (chart,),
        "One value a donor, the mean of its wells. The margin is for their mean, not for each.",
    )


def _details(found: Comparison) -> Section:
    shown = ("medium", "endpoint", "n_donors", "n_wells", "estimate", "ci_low", "ci_high",
             "margin", "p_tost", "equivalent", "hedges_g", "mixed_model")  # fmt: skip
    rows = []
    for each in contrast_rows(found):
        row = each | {
            "endpoint": headed(each["endpoint"]),
            "margin": _between(each["margin_low"], each["margin_high"]),
            "mixed_model": _between(each["mixed_ci_low"], each["mixed_ci_high"]),
        }
        rows.append(tuple(row[name] for name in shown))
    heads = tuple(name.replace("_", " ") for name in shown)
    return Section(
        "Every endpoint", tables=(AnalysisTable("Contrasts", heads, tuple(rows), alike=False),)
    )


def _between(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{grouped(low)} to {grouped(high)}"


def tables_of(found: Comparison) -> dict[str, list[dict[str, Any]]]:
    """Every table, by name."""
    means = [
        {"medium": m.medium, "endpoint": m.column, "mean": m.mean, "donor_cv": m.donor_cv,
         "n_donors": m.n_donors, "n_wells": m.n_wells}
        for m in found.means
    ]  # fmt: skip
    donors = [
        {"medium": each.medium, "endpoint": each.endpoint.column, "donor": donor,
         "difference": value, "scale": each.endpoint.scale}
        for each in found.contrasts
        for donor, value in each.pairs
    ]  # fmt: skip
    return {"contrasts": contrast_rows(found), "media": means, "donors": donors}


def contrast_rows(found: Comparison) -> list[dict[str, Any]]:
    """One row a contrast; ratios are ratios, not logarithms."""
    rows = []
    for each in found.contrasts:
        test, effect, block = each.test, each.effect, each.block
        shown = _shown(each.endpoint)
        rows.append(
            {
                "medium": each.medium,
                "reference": each.reference,
                "endpoint": each.endpoint.column,
                "group": each.endpoint.group,
                "scale": each.endpoint.scale,
                "n_donors": len(each.pairs),
                "n_wells": each.n_wells,
                "estimate": each.mean,
                "ci_low": each.low,
                "ci_high": each.high,
                "confidence": 1 - 2 * found.plan.alpha,
                "margin_low": each.endpoint.margin_low,
                "margin_high": each.endpoint.margin_high,
                "primary": each.endpoint.primary,
                "p_low": test and test.p_low,
                "p_high": test and test.p_high,
                "p_tost": test and test.p,
                "equivalent": each.equivalent,
                "hedges_g": effect and effect.g,
                "hedges_g_ci_low": effect and effect.low,
                "hedges_g_ci_high": effect and effect.high,
                "mixed_estimate": block and shown(block.difference),
                "mixed_ci_low": block and shown(block.ci_low),
                "mixed_ci_high": block and shown(block.ci_high),
            }
        )
    return rows


def _shown(endpoint: Endpoint) -> Any:
    return math.exp if endpoint.scale == "ratio" else float


def _what(each: Contrast) -> str:
    kind = "ratio" if each.endpoint.scale == "ratio" else "difference"
    return f"{kind} of {words_of(each.endpoint.column)}, {each.medium} against {each.reference}"


def _interval(each: Contrast) -> str:
    if each.low is None:
        return ""
    return f", interval {grouped(each.low)} to {grouped(each.high)}"


def _margin(endpoint: Endpoint) -> str:
    return _between(endpoint.margin_low, endpoint.margin_high)
