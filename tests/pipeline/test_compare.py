"""Comparison of media: donors as units, TOST, effect sizes, designs on plates; refusals."""

import csv
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from benchmarks.equivalence import called_equivalent, outcomes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monolayer.cli import _exit_code as cli
from monolayer.compare import (
    ComparisonPlan,
    MediumKind,
    Outcome,
    compare,
    hedges_g,
    layout,
    tost,
    tost_paired,
)
from monolayer.compare.designs import runs_of
from monolayer.compare.outcomes import donor_means
from monolayer.compare.page import UNPROVEN
from monolayer.errors import ConfigError, InputError, MissingExtraError
from monolayer.intake.outcomes_table import layout_csv, read_outcomes
from monolayer.settings_file import content_sha256
from monolayer.study.tables import MEDIUM_KINDS

PD = {"column": "population_doublings", "margin_low": -0.3, "margin_high": 0.3, "primary": True}
ARMS = [{"name": "reference", "kind": "serum-containing", "eur_per_l": 100},
        {"name": "new", "kind": "chemically-defined", "eur_per_l": 400}]  # fmt: skip


def plan(**changed: object) -> ComparisonPlan:
    return ComparisonPlan.model_validate(
        {"reference": "reference", "arms": ARMS, "endpoints": [PD]} | changed
    )


def wells(differences: list[float], copies: int = 3) -> list[Outcome]:
    """Donors whose means differ by exactly these amounts."""
    return [
        Outcome(f"D{i}", medium, f"row {i}", {"population_doublings": 5 + i + shift + noise})
        for i, each in enumerate(differences)
        for medium, shift in (("reference", 0.0), ("new", each))
        for noise in np.linspace(-0.1, 0.1, copies).tolist()
    ]


# Statistics --------------------------------------------------------------------------------------


def test_w19_tost() -> None:
    found = tost(6, -0.10, 0.20, -0.30, 0.30)
    assert found.t_low == pytest.approx(2.449490, abs=5e-7)
    assert found.p_low == pytest.approx(0.028986, abs=5e-7)
    assert found.t_high == pytest.approx(-4.898979, abs=5e-7)
    assert found.p_high == pytest.approx(0.002239, abs=5e-7)
    assert found.p == pytest.approx(0.028986, abs=5e-7)
    assert (found.ci_low, found.ci_high) == pytest.approx((-0.264528, 0.064528), abs=5e-7)
    assert found.equivalent


def test_tost_is_statsmodels_own() -> None:
    from statsmodels.stats.weightstats import ttost_paired

    rng = np.random.default_rng(0)
    first, second = rng.normal(5, 0.3, 7), rng.normal(5, 0.3, 7)
    p, low, high = ttost_paired(first, second, -0.3, 0.4)
    found = tost_paired((first - second).tolist(), -0.3, 0.4)
    assert found.p == pytest.approx(p, rel=1e-12)
    assert (found.t_low, found.t_high) == pytest.approx((low[0], high[0]), rel=1e-12)


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=12),
    st.floats(0.01, 2),
    st.floats(0.01, 2),
)
@settings(max_examples=100, deadline=None)
def test_equivalent_is_the_interval_within_the_margins(
    differences: list[float], low: float, high: float
) -> None:
    if max(differences) - min(differences) < 1e-6:
        differences = [*differences, differences[0] + 0.5]
    found = tost_paired(differences, -low, high)
    inside = -low < found.ci_low and found.ci_high < high
    close = min(abs(found.ci_low + low), abs(found.ci_high - high)) < 1e-9
    assert found.equivalent == inside or close
    mirrored = tost_paired([-each for each in differences], -high, low)
    assert mirrored.p == pytest.approx(found.p, rel=1e-9, abs=1e-300)


def test_five_percent_on_two_thousand_null_simulations() -> None:
    """SIMULATED, on the margin; three binomial standard errors about 5 %."""
    assert called_equivalent(2000, 6, 3, seed=1) == pytest.approx(0.05, abs=0.0147)
    naive = called_equivalent(400, 6, 12, seed=1, by_well=True)
    assert naive > 0.15, "wells taken for donors would hold no 5 %"


def test_hedges_g_and_its_interval() -> None:
    rng = np.random.default_rng(5)
    differences = rng.normal(0.4, 0.5, 9).tolist()
    found = hedges_g(differences)
    assert found is not None
    d = np.mean(differences) / np.std(differences, ddof=1)
    assert found.g == pytest.approx(d * (1 - 3 / (4 * 8 - 1)), rel=2e-3)
    factor = found.g / d
    for limit, share in ((found.low, 0.975), (found.high, 0.025)):
        t = d * 3
        assert stats.nct.cdf(t, 8, limit / factor * 3) == pytest.approx(share, abs=1e-6)
    assert hedges_g([1.0]) is None
    assert hedges_g([1.0, 1.0]) is None


def test_the_mixed_model_of_two_whole_media_is_the_paired_t() -> None:
    found = compare(plan(), outcomes(np.random.default_rng(2), 8, 3, truth=0.1))
    (contrast,) = found.contrasts
    assert contrast.block is not None
    assert contrast.block.difference == pytest.approx(contrast.mean, rel=1e-6)
    assert (contrast.block.ci_low, contrast.block.ci_high) == pytest.approx(
        (contrast.low, contrast.high), rel=1e-3
    )
    assert contrast.block.free == 7


def test_the_mixed_model_of_three_media_is_two_way_anova() -> None:
    rng = np.random.default_rng(7)
    donors, shifts = rng.normal(0, 1, 6), {"reference": 0.0, "new": 0.2, "third": -0.1}
    values = {m: [d + s + float(rng.normal(0, 0.1)) for d in donors] for m, s in shifts.items()}
    rows = [
        Outcome(f"D{i}", medium, "", {"population_doublings": value})
        for medium, each in values.items()
        for i, value in enumerate(each)
    ]
    arms = [*ARMS, {"name": "third", "kind": "xeno-free"}]
    found = compare(plan(arms=arms), rows).contrasts
    table = np.array(list(values.values()))
    rest = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
    error = math.sqrt((rest**2).sum() / 10 * 2 / 6)
    for contrast, row in zip(found, table[1:], strict=True):
        assert contrast.block is not None
        assert contrast.block.difference == pytest.approx(float(row.mean() - table[0].mean()))
        reach = float(stats.t.ppf(0.95, 10)) * error
        assert contrast.block.ci_high - contrast.block.difference == pytest.approx(reach, rel=1e-3)


# The comparison ----------------------------------------------------------------------------------


def test_wells_are_averaged_and_never_counted_as_donors() -> None:
    shifts = [0.1, -0.05, 0.2, 0.0]
    few, many = (compare(plan(), wells(shifts, copies)) for copies in (2, 40))
    assert many.contrasts[0].n_wells == 4 * 2 * 40
    one, other = few.contrasts[0].test, many.contrasts[0].test
    assert one is not None
    assert other is not None
    assert (one.n, other.n) == (4, 4)
    assert one.p == pytest.approx(other.p, rel=1e-9)


def test_ratios_are_of_geometric_means_and_cost_is_computed() -> None:
    rows = []
    for i, factor in enumerate((1.0, 1.1, 1.2, 0.9)):
        for medium, cells in (("reference", 2e6), ("new", 2e6 * factor)):
            rows.append(Outcome(f"D{i}", medium, "", {"medium_ml": 50.0, "cells_harvested": cells}))
    harvest: dict[str, object] = {"column": "cells_harvested", "group": "yield", "scale": "ratio"}
    harvest |= {"margin_low": 0.8, "margin_high": 1.25}
    cost_ = {"column": "eur_per_million_cells", "group": "cost", "scale": "ratio"}
    endpoints = [harvest, cost_]
    found = compare(plan(endpoints=endpoints), rows)
    ratio = math.exp(np.mean(np.log([1.0, 1.1, 1.2, 0.9])))
    assert found.contrasts[0].mean == pytest.approx(ratio)
    assert found.contrasts[1].mean == pytest.approx(4 / ratio)
    cost = {m.medium: m.mean for m in found.means if m.column == "eur_per_million_cells"}
    assert cost["reference"] == pytest.approx(0.05 * 100 / 2)
    assert found.contrasts[1].test is None
    assert found.equivalent("new") is None


def test_a_difference_within_the_margin_but_uncertain_is_not_shown_equivalent() -> None:
    found = compare(plan(), wells([0.5, -0.5, 0.4, -0.4]))
    assert found.contrasts[0].mean == pytest.approx(0, abs=1e-9)
    assert found.equivalent("new") is False
    assert compare(plan(), wells([0.05, -0.05, 0.04, -0.04])).equivalent("new") is True


@pytest.mark.parametrize("donors", [1, 2])
def test_one_donor_only_is_refused_however_many_wells(donors: int) -> None:
    with pytest.raises(InputError, match="wells of a donor are repeats of it and no further"):
        compare(plan(), wells([0.1] * donors, copies=50))


def test_donors_that_have_one_medium_only_are_named() -> None:
    rows = [o for o in wells([0.1, 0.0, 0.2, 0.3]) if (o.donor, o.medium) != ("D3", "new")]
    (contrast,) = compare(plan(), rows).contrasts
    assert contrast.unpaired == ("D3",)
    assert len(contrast.pairs) == 3
    nested = [o for o in wells([0.1] * 6) if (o.medium == "new") == (o.donor in ("D0", "D1", "D2"))]
    with pytest.raises(InputError, match="no donor has both reference and new"):
        compare(plan(), nested)


def test_what_else_is_refused() -> None:
    with pytest.raises(InputError, match="medium 'other' is not in the plan"):
        compare(plan(), [Outcome("D", "other", "row 1", {})])
    with pytest.raises(InputError, match="no values of population_doublings"):
        compare(plan(), [Outcome("D", "new", "row 1", {"population_doublings": None})])
    with pytest.raises(InputError, match="no spread to test by"):
        compare(plan(), wells([0.0, 0.0, 0.0], copies=1))
    ratio = PD | {"scale": "ratio", "margin_low": 0.8, "margin_high": 1.25}
    with pytest.raises(InputError, match="has no logarithm"):
        compare(plan(endpoints=[ratio]), [Outcome("D", "new", "r", {"population_doublings": 0.0})])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reference": "x"}, "reference x is none of"),
        ({"arms": ARMS[:1]}, "two or more arms"),
        ({"arms": [ARMS[0], ARMS[1] | {"kind": "non-animal"}]}, "animal-component-free"),
        ({"endpoints": []}, "one endpoint or more"),
        ({"endpoints": [PD | {"margin_low": 0.1}]}, "on either side of 0"),
        ({"endpoints": [PD | {"scale": "ratio"}]}, "on either side of 1"),
        ({"endpoints": [{"column": "x", "primary": True}]}, "needs margin_low"),
        ({"min_donors": 1}, "greater than or equal to 2"),
        ({"design": {"factors": [{"name": "f", "low": 2, "high": 1}]}}, "must be below"),
    ],
)
def test_a_bad_plan_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, object], said: str
) -> None:
    import yaml

    content = {"reference": "reference", "arms": ARMS, "endpoints": [PD]} | changed
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    out = tmp_path / "layout.csv"
    assert cli(["compare", "design", str(tmp_path / "plan.yaml"), "-o", str(out)]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert len(told.splitlines()) == 1
    assert not out.exists()


def test_kinds_of_medium_are_told_apart() -> None:
    assert {kind.value for kind in MediumKind} == {
        "animal-component-free", "xeno-free", "serum-free", "chemically-defined",
        "platelet-lysate", "serum-containing",
    }  # fmt: skip
    assert {kind.value for kind in MediumKind} == set(MEDIUM_KINDS), "the study's words"
    assert "nor defined" in MediumKind.PLATELET_LYSATE.meaning


# Designs -----------------------------------------------------------------------------------------

FACTORS = [{"name": f"f{i}_ng_per_ml", "low": i, "high": 10 + i} for i in range(4)]


@pytest.mark.parametrize(
    ("kind", "n_runs"),
    [("media", 2), ("screening", 11), ("definitive-screening", 9), ("response-surface", 27),
     ("box-behnken", 27)],
)  # fmt: skip
@pytest.mark.parametrize("plate_wells", [6, 24, 96])
def test_every_donor_sees_every_run_as_often(kind: str, n_runs: int, plate_wells: int) -> None:
    design = {"kind": kind, "plate_wells": plate_wells, "replicates": 2}
    design |= {"factors": FACTORS} if kind != "media" else {}
    site = plan(design=design)
    placed = layout(site)
    used = Counter((each.donor, each.run) for each in placed if not each.is_empty)
    assert set(used.values()) == {2}
    assert len(used) == n_runs * 6
    places = [(each.plate, each.well) for each in placed]
    assert len(set(places)) == len(places)
    assert all(n == plate_wells for n in Counter(plate for plate, _ in places).values())
    donors_of = {each.plate: set[str]() for each in placed}
    for each in placed:
        donors_of[each.plate] |= {each.donor} - {""}
    assert all(len(donors) == 1 for donors in donors_of.values()), "a plate is one donor's"
    if plate_wells == 96:
        edge = {
            each.well for each in placed if each.well[0] in "AH" or each.well[1:] in ("01", "12")
        }
        assert edge.isdisjoint(each.well for each in placed if not each.is_empty)
    for _, levels in runs_of(site):
        for (name, level), factor in zip(levels, FACTORS, strict=bool(levels)):
            assert name == factor["name"]
            assert float(str(factor["low"])) <= level <= float(str(factor["high"]))


def test_screening_is_orthogonal_and_seeds_decide_the_order() -> None:
    site = plan(design={"kind": "screening", "factors": FACTORS})
    coded = np.array([[level for _, level in levels] for _, levels in runs_of(site)][:-3])
    centred = coded - coded.mean(0)
    assert np.allclose(centred.T @ centred, np.diag([25.0 * 8] * 4))
    assert layout(site) == layout(site)
    other = plan(design={"kind": "screening", "factors": FACTORS, "seed": 2})
    assert [w.run for w in layout(site)] != [w.run for w in layout(other)]


@pytest.mark.parametrize(
    ("design", "said"),
    [
        ({"donors": ["A"]}, "1 different donors"),
        ({"donors": ["A", "B", "C", "A"]}, "names a donor twice"),
        ({"kind": "screening"}, "needs 2 factors"),
        ({"kind": "box-behnken", "factors": FACTORS[:2]}, "needs 3 factors"),
        ({"factors": FACTORS}, "a design of media has no factors"),
        ({"kind": "screening", "factors": [FACTORS[0], FACTORS[0]]}, "names a factor twice"),
    ],
)
def test_designs_that_cannot_be(design: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        layout(plan(design=design))


def test_without_their_extra_they_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoe", None)
    with pytest.raises(MissingExtraError, match="pydoe is not installed"):
        runs_of(plan(design={"kind": "screening", "factors": FACTORS}))
    monkeypatch.setitem(sys.modules, "statsmodels.regression.mixed_linear_model", None)
    with pytest.raises(MissingExtraError, match=r"monolayer\[science\]"):
        compare(plan(), wells([0.1, 0.2, 0.0]))


# Files and the command line ----------------------------------------------------------------------


def test_from_plan_to_layout_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli(["init", "--comparison"]) == 0
    assert cli(["compare", "design", "comparison.yaml", "-o", "layout.csv"]) == 0
    with Path("layout.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(0)
    for row in rows:
        if row["medium"] != "empty":
            row["population_doublings"] = f"{5 + rng.normal(0, 0.1):.3f}"
    with Path("outcomes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    asked = ["compare", "media", "comparison.yaml", "outcomes.csv", "-o", "OUT"]
    assert cli(asked) == 0
    names = [f"{n}.{s}" for n in ("contrasts", "donors", "media") for s in ("csv", "parquet")]
    assert sorted(p.name for p in Path("OUT").iterdir()) == sorted([*names, "report.html"])
    page = Path("OUT/report.html").read_text()
    assert "equivalent in every primary endpoint" in page
    assert "No data for growth_rate_per_h" in page
    assert UNPROVEN.split(",")[0].replace("'", "&#39;") not in page
    plain = [f"{r['donor']},{r['medium']},{r['population_doublings']}" for r in rows]
    Path("plain.csv").write_text("\n".join(["donor,medium,population_doublings", *plain]))
    assert cli(["compare", "media", "comparison.yaml", "plain.csv", "-o", "PLAIN"]) == 0
    assert UNPROVEN.split(",")[0].replace("'", "&#39;") in Path("PLAIN/report.html").read_text()
    before = {p.name: p.read_bytes() for p in Path("OUT").iterdir()}
    assert cli(asked) == 0
    assert {p.name: p.read_bytes() for p in Path("OUT").iterdir()} == before
    text = Path("comparison.yaml").read_text()
    Path("comparison.yaml").write_text(text.replace('"margin_low": -0.3', '"margin_low": -0.5'))
    assert cli(asked) == 2


def test_margins_changed_after_the_design_are_refused(tmp_path: Path) -> None:
    before, after = plan(), plan(endpoints=[PD | {"margin_high": 0.6}])
    (tmp_path / "o.csv").write_bytes(layout_csv(before, layout(before)))
    with pytest.raises(InputError, match="margins are set beforehand"):
        read_outcomes(tmp_path / "o.csv", after)
    assert content_sha256(before) != content_sha256(after)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("medium,population_doublings\nnew,5\n", "no column 'donor': the donor is the unit"),
        ("donor,population_doublings\nA,5\n", "no column 'medium'"),
        ("donor,medium,cell_area\nA,new,5\n", "call the column 'cell_area_um2'"),
        ("donor,medium,population_doublings\nA,new,five\n", "'five' is no number"),
        ("donor,medium,population_doublings\n,new,5\n", "names no donor or medium"),
        ("donor,medium,medium_ml\nA,new,-5\n", "medium_ml -5 is negative"),
        ("donor,medium\nA,empty\n", "holds no outcome"),
    ],
)
def test_bad_outcomes_are_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_outcomes(tmp_path / "bad.csv", plan())


def test_means_of_unknown_values_are_unknown() -> None:
    rows = [Outcome("A", "new", "", {"population_doublings": None}),
            Outcome("A", "new", "", {"population_doublings": 4.0})]  # fmt: skip
    assert donor_means(rows, plan().endpoints[0])["new"]["A"].value == 4.0
