"""Designs of factors judged: effects over donors, surfaces, fit; held against slow arithmetic."""

import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from monolayer.cli import _exit_code as cli
from monolayer.compare import ComparisonPlan, RunOutcome, analyse_factors
from monolayer.compare.designs import runs_of
from monolayer.compare.over_donors import over_donors
from monolayer.compare.surface import find_optimum, in_region, surface_at
from monolayer.compare.terms import coded_runs, columns_of, model_terms
from monolayer.errors import ConfigError, InputError
from monolayer.intake.outcomes_table import read_outcomes, read_run_outcomes

FACTORS = [
    {"name": "fgf2_ng_per_ml", "low": 0, "high": 20},
    {"name": "hpl_percent", "low": 2, "high": 10},
    {"name": "glucose_mmol_per_l", "low": 5, "high": 25},
]
ARMS = [{"name": name, "kind": "serum-free"} for name in ("a", "b")]
Response = Callable[[np.ndarray, int], float]


def plan(kind: str, n: int = 2, **endpoint: object) -> ComparisonPlan:
    return ComparisonPlan.model_validate(
        {
            "reference": "a",
            "arms": ARMS,
            "endpoints": [{"column": "yield_per_cm2"} | endpoint],
            "design": {"kind": kind, "factors": FACTORS[:n]},
        }
    )


def measured(
    site: ComparisonPlan, response: Response, donors: int = 4, copies: int = 2, noise: float = 0.05
) -> list[RunOutcome]:
    """Wells of every donor and run; donor d lies 0.7 d higher."""
    coded = coded_runs(site.design, runs_of(site))
    rng = np.random.default_rng(5)
    return [
        RunOutcome(f"D{d}", run, f"row {run}",
                   {"yield_per_cm2": response(place, d) + 0.7 * d + rng.normal(0, noise)})
        for d in range(donors)
        for run, place in enumerate(coded, 1)
        for _ in range(copies)
    ]  # fmt: skip


def wells(
    rows: list[RunOutcome], coded: np.ndarray, donor: str, place: int, level: int
) -> list[float]:
    return [
        row.values["yield_per_cm2"] or 0.0
        for row in rows
        if row.donor == donor and coded[row.run - 1, place] == level
    ]


# Effects -----------------------------------------------------------------------------------------


def test_a_screening_effect_is_high_less_low_with_t_over_donors() -> None:
    site = plan("screening", 3)
    rows = measured(site, lambda x, d: (0.5 + 0.1 * d) * x[0] - 0.2 * x[1] + 3 * (not x.any()))
    (fit,) = analyse_factors(site, rows).fits
    coded = coded_runs(site.design, runs_of(site))
    for place in range(3):
        by_donor = [
            np.mean(wells(rows, coded, donor, place, 1))
            - np.mean(wells(rows, coded, donor, place, -1))
            for donor in ("D0", "D1", "D2", "D3")
        ]
        t = stats.ttest_1samp(by_donor, 0)
        seen = fit.effects[place].coefficient
        low, high = t.confidence_interval(0.95)
        assert 2 * seen.mean == pytest.approx(np.mean(by_donor), rel=1e-9)
        assert (2 * (seen.low or 0), 2 * (seen.high or 0)) == pytest.approx((low, high), rel=1e-9)
        assert seen.p == pytest.approx(t.pvalue, rel=1e-9)
    centre = fit.effects[3]
    assert centre.term.kind == "centre"
    assert centre.coefficient.mean == pytest.approx(3, abs=0.1)
    assert fit.curvature is not None
    assert fit.curvature.p < 1e-6
    assert fit.optimum is None


def test_holm_goes_down_step_by_step() -> None:
    site = plan("response-surface", 3)
    (fit,) = analyse_factors(site, measured(site, lambda x, d: 0.03 * x[0] + 0.01 * d * x[1])).fits
    p = [each.coefficient.p for each in fit.effects]
    known = [each for each in p if each is not None]
    assert len(known) == len(p)
    # Of p the step down: the largest of what it and the smaller ones are times those left.
    expected = [
        max(min(1.0, q * sum(r >= q for r in known)) for q in known if q <= each) for each in known
    ]
    assert [each.p_holm for each in fit.effects] == pytest.approx(expected)


def test_the_random_block_of_a_whole_design_is_least_squares_within_blocks() -> None:
    from statsmodels.regression.linear_model import OLS

    site = plan("box-behnken", 3)
    rows = measured(site, lambda x, d: x[0] - x[1] ** 2, copies=1, noise=0.3)
    (fit,) = analyse_factors(site, rows).fits
    coded = coded_runs(site.design, runs_of(site))
    columns = columns_of(model_terms(site.design), coded[[r.run - 1 for r in rows]])
    blocks = np.array([[r.donor == f"D{d}" for d in range(4)] for r in rows], float)
    within = OLS(
        [r.values["yield_per_cm2"] for r in rows], np.column_stack([blocks, columns])
    ).fit()
    told = np.array([(each.block_low, each.block_high) for each in fit.effects], float)
    assert np.allclose(told, within.conf_int(0.05)[4:], rtol=1e-3, atol=1e-4)


def test_a_factor_to_which_donors_react_each_in_their_own_way_is_not_called_sure() -> None:
    """SIMULATED null: the mean slope is 0, donors' own slopes are not. Wells would cry wolf."""
    rng = np.random.default_rng(11)
    ours = by_well = 0
    for _ in range(1000):
        slopes = rng.normal(0, 0.3, 4)
        wells = slopes[:, None] + rng.normal(0, 0.1, (4, 12))
        ours += (over_donors(wells.mean(axis=1), 0.95).p or 1) < 0.05
        by_well += (over_donors(wells.ravel(), 0.95).p or 1) < 0.05
    assert 0.035 < ours / 1000 < 0.065
    assert by_well / 1000 > 0.4


def test_lack_of_fit_by_slow_sums_of_squares() -> None:
    site = plan("response-surface")
    rows = measured(site, lambda x, d: x[0] + 0.4 * x[0] ** 3 - x[1] ** 2, copies=1, noise=0.1)
    (fit,) = analyse_factors(site, rows).fits
    coded = coded_runs(site.design, runs_of(site))
    table: dict[str, dict[int, float]] = {}
    for row in rows:
        table.setdefault(row.donor, {})[row.run] = row.values["yield_per_cm2"] or 0.0
    values = np.array([[table[d][r] for r in sorted(table[d])] for d in sorted(table)])
    centred = values - values.mean(axis=1, keepdims=True)
    same = [[i for i, p in enumerate(coded) if tuple(p) == q] for q in {tuple(p) for p in coded}]
    pure = sum(float(((centred[:, rs] - centred[:, rs].mean()) ** 2).sum()) for rs in same)
    model = np.column_stack([np.ones(len(coded)), columns_of(model_terms(site.design), coded)])
    off = centred.mean(axis=0) - model @ np.linalg.lstsq(model, centred.mean(axis=0), rcond=None)[0]
    scatter = float(((centred - centred.mean(axis=0)) ** 2).sum())
    left = scatter + len(values) * float((off**2).sum())
    more, free = len(same) - 6, values.size - len(values) - (len(same) - 1)
    assert fit.lack_of_fit is not None
    assert (fit.lack_of_fit.df_effect, fit.lack_of_fit.df_error) == (more, free)
    assert fit.lack_of_fit.f == pytest.approx((left - pure) / more / (pure / free), rel=1e-6)


# Surfaces ----------------------------------------------------------------------------------------


def test_the_optimum_of_a_known_surface_inside_and_outside() -> None:
    site = plan("response-surface")
    (fit,) = analyse_factors(
        site, measured(site, lambda x, _: x[0] + 0.5 * x[1] - 2 * x[0] ** 2 - x[1] ** 2, noise=0.01)
    ).fits
    best = fit.optimum
    assert best is not None
    assert (best.inside, best.nature) == (True, "maximum")
    assert best.best == pytest.approx((0.25, 0.25), abs=0.01)
    assert best.gain.mean == pytest.approx(0.1875, abs=0.01)
    (fit,) = analyse_factors(site, measured(site, lambda x, _: x[0] - 0.1 * x[0] ** 2)).fits
    assert fit.optimum is not None
    assert not fit.optimum.inside
    assert fit.optimum.best[0] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("maximise", [True, False])
@pytest.mark.parametrize("kind", ["response-surface", "box-behnken"])
def test_the_best_place_within_the_region_is_that_of_a_fine_grid(kind: str, maximise: bool) -> None:
    site = plan(kind, 3)
    terms, coded = model_terms(site.design), coded_runs(site.design, runs_of(site))
    rng = np.random.default_rng(2)
    ticks = np.linspace(-1, 1, 41)
    grid = np.array(list(itertools.product(ticks, repeat=3)))
    for _ in range(3):
        mean = rng.normal(0, 1, len(terms) + 1)
        donors = mean + rng.normal(0, 0.01, (4, len(mean)))
        donors += mean - donors.mean(axis=0)
        best = find_optimum(donors, terms, coded, maximise=maximise, confidence=0.95)
        assert in_region(np.array(best.best), best.radius + 1e-6)
        inside = np.all(np.abs(grid) <= 1, axis=1) & (np.linalg.norm(grid, axis=1) <= best.radius)
        values = surface_at(mean, terms, grid[inside])
        slow = values.max() if maximise else values.min()
        assert best.response.mean == pytest.approx(slow, abs=0.1)
        assert (best.response.mean >= slow - 1e-6) if maximise else (
            best.response.mean <= slow + 1e-6)  # fmt: skip


def test_the_interval_of_the_optimum_holds_the_truth_as_often_as_it_says() -> None:
    """SIMULATED: donors whose surfaces differ a little, each measured with noise."""
    site = plan("response-surface")
    terms, coded = model_terms(site.design), coded_runs(site.design, runs_of(site))
    mean = np.array([5.0, 0.5, 0.3, 0.2, -1.0, -0.8])
    bend = np.array([[-1.0, 0.1], [0.1, -0.8]])
    truth = np.linalg.solve(bend, mean[1:3]) / -2
    fixed = np.column_stack([np.ones(len(coded)), columns_of(terms, coded)])
    rng, held = np.random.default_rng(4), 0
    for _ in range(500):
        donors = mean + rng.normal(0, 0.08, (5, 6))
        noisy = donors @ fixed.T + rng.normal(0, 0.1, (5, len(coded)))
        fitted = np.linalg.lstsq(fixed, noisy.T, rcond=None)[0].T.astype(np.float64)
        best = find_optimum(fitted, terms, coded, maximise=True, confidence=0.95)
        low, high = best.stationary_low[0], best.stationary_high[0]
        held += low is not None and high is not None and low <= truth[0] <= high
    assert 0.92 <= held / 500 <= 0.975


def test_donors_that_do_not_differ_leave_no_interval_and_no_crash() -> None:
    site = plan("response-surface")
    rows = measured(site, lambda x, _: x[0] - x[0] ** 2 - x[1] ** 2, noise=0.0)
    (fit,) = analyse_factors(site, rows).fits
    assert fit.effects[0].coefficient.low is None
    assert fit.effects[0].p_holm is None
    assert fit.optimum is not None
    assert fit.optimum.best == pytest.approx((0.5, 0), abs=1e-6)


# Donors ------------------------------------------------------------------------------------------


def test_wells_are_no_donors_and_lacking_runs_are_named() -> None:
    site = plan("screening", 3)
    many = measured(site, lambda x, _: x[0], donors=1, copies=50)
    with pytest.raises(InputError, match=r"one donor only has .* the 350 wells are repeats"):
        analyse_factors(site, many)
    rows = measured(site, lambda x, _: x[0])
    lacking = [r for r in rows if not (r.donor == "D3" and r.run in (1, 2))]
    (fit,) = analyse_factors(site, lacking).fits
    assert (fit.donors, fit.left_out) == (("D0", "D1", "D2"), ("D3",))
    with pytest.raises(InputError, match=r"2 donors have .*D2, D3 lack runs"):
        analyse_factors(site, [r for r in lacking if not (r.donor == "D2" and r.run < 3)])


def test_the_order_of_rows_is_no_matter_and_ratios_need_numbers_above_0() -> None:
    site = plan("definitive-screening", 3, scale="ratio")
    rows = measured(site, lambda x, _: 5 + x[0])
    assert analyse_factors(site, rows) == analyse_factors(site, rows[::-1])
    with pytest.raises(InputError, match="row 1: yield_per_cm2 0 has no logarithm"):
        analyse_factors(site, [RunOutcome("D0", 1, "row 1", {"yield_per_cm2": 0.0})])
    with pytest.raises(InputError, match="no values of any endpoint"):
        analyse_factors(site, [RunOutcome("D0", 1, "row 1", {"yield_per_cm2": None})])


# Files and the command line ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["screening", "response-surface"])
def test_from_layout_to_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(plan(kind).model_dump_json())
    assert cli(["compare", "design", "plan.yaml", "-o", "layout.csv"]) == 0
    with Path("layout.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(1)
    for row in rows:
        if row["donor"]:
            x, y = float(row["fgf2_ng_per_ml"]) / 10 - 1, float(row["hpl_percent"]) / 4 - 1.5
            row["yield_per_cm2"] = f"{9 + x - x * x - y * y + rng.normal(0, 0.1):.3f}"
    with Path("outcomes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    asked = ["compare", "factors", "plan.yaml", "outcomes.csv", "-o", "OUT"]
    assert cli(asked) == 0
    names = {"effects", "effects_by_donor", "tests", "runs"}
    if kind == "response-surface":
        names |= {"optimum", "optimum_response"}
        assert "a maximum inside the region" in capsys.readouterr().out
    files = {f"{name}.{end}" for name in names for end in ("csv", "parquet")} | {"report.html"}
    assert {path.name for path in Path("OUT").iterdir()} == files
    before = {p.name: p.read_bytes() for p in Path("OUT").iterdir()}
    assert cli(asked) == 0
    assert {p.name: p.read_bytes() for p in Path("OUT").iterdir()} == before
    with pytest.raises(ConfigError, match="judge it with 'monolayer compare factors'"):
        read_outcomes(Path("outcomes.csv"), plan(kind))
    with pytest.raises(ConfigError, match="judge it with 'monolayer compare media'"):
        read_run_outcomes(Path("outcomes.csv"), plan("media", 0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("donor,yield_per_cm2\nA,5\n", "no column 'run'"),
        ("run,yield_per_cm2\n1,5\n", "no column 'donor': the donor is the unit"),
        ("donor,run,yield_per_cm2\nA,99,5\n", "name a donor and a run of 1 to"),
        ("donor,run,yield_per_cm2\nA,1.5,5\n", "run 1.5"),
        ("donor,run,yield_per_cm2\n,1,5\n", "name a donor and a run"),
        ("donor,run,hpl_percent,yield_per_cm2\nA,1,99,5\n", "hpl_percent 99 is not the"),
        ("plate,well,donor,run,yield_per_cm2\nP,B2,A,1,5\nP,B2,A,2,5\n", "is on line 2 too"),
        ("donor,run,yield_per_cm2\nA,1,five\n", "'five' is no number"),
    ],
)
def test_bad_outcomes_are_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_run_outcomes(tmp_path / "bad.csv", plan("screening", 3))
