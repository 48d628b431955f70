"""Cross-checks between assays: worked figures, chance, ranges, and what cannot be said."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from scipy import stats

from monolayer.cli import _exit_code
from monolayer.engine.crosscheck import agreement_of, crosscheck_runs, tally
from monolayer.errors import ConfigError, InputError, RunFolderError
from monolayer.summarise.agreement import bland_altman
from monolayer.summarise.crosscheck import (
    COMPARISON_COLUMNS,
    Comparison,
    compare,
    compare_by_area,
    compare_well,
    plausible_density,
)
from monolayer.summarise.figures import Figure, figures_of
from monolayer.summarise.intervals import t_interval
from monolayer.summarise.settings import CrosscheckSettings, SummariseSettings
from monolayer.summarise.total_density import total_density

Z = 1.959963984540054
SETTINGS = CrosscheckSettings()
Capture = pytest.CaptureFixture[str]


def density(value: float, u: float, run: str = "R", assay: str = "nuclei") -> Figure:
    low, high = value - Z * u, value + Z * u
    return Figure(run, assay, "density_cells_per_cm2", value, low, high, 0.95)


def confluence(value: float, half: float, run: str = "C") -> Figure:
    return Figure(run, "confluence", "confluence", value, value - half, value + half, 0.95)


def test_w21_two_figures_that_agree_are_joined() -> None:
    found = compare(density(25_000, 1_500), density(28_000, 3_000, "V", "viability"), SETTINGS)
    assert found.verdict == "agree"
    assert found.chi2 == pytest.approx(0.80)
    assert found.joint_value == pytest.approx(25_600)
    assert found.joint_u == pytest.approx(1_341.64, abs=0.005)
    assert (found.difference, found.u) == pytest.approx((-3_000, math.hypot(1500, 3000)))


def test_figures_that_disagree_have_no_common_value() -> None:
    found = compare(density(25_000, 1_000), density(28_000, 1_000, "V", "viability"), SETTINGS)
    assert found.verdict == "disagree"
    assert found.chi2 == pytest.approx(4.5)
    assert found.joint_value is None
    assert "25,000" in found.detail
    assert "2.1 standard uncertainties" in found.detail


@pytest.mark.parametrize(("difference", "verdict"), [(1.9599, "agree"), (1.9601, "disagree")])
def test_the_limit_is_the_quantile_of_chi_square(difference: float, verdict: str) -> None:
    found = compare(density(1000 + difference, 0.6), density(1000, 0.8), SETTINGS)
    assert found.verdict == verdict
    wider = compare(
        density(1000 + difference, 0.6), density(1000, 0.8), CrosscheckSettings(confidence=0.99)
    )
    assert wider.verdict == "agree"


def test_sides_may_be_swapped() -> None:
    a, b = density(25_000, 1_500), density(29_000, 900, "V")
    one, other = compare(a, b, SETTINGS), compare(b, a, SETTINGS)
    assert one.difference == -(other.difference or 0)
    assert (one.chi2, one.verdict) == (other.chi2, other.verdict)


def test_the_half_of_a_lopsided_interval_that_faces_the_other_counts() -> None:
    lopsided = Figure("V", "viability", "viability", 0.98, 0.90, 0.99, 0.95)
    below = replace(lopsided, run="W", value=0.90, low=0.90, high=0.90)
    found = compare(lopsided, below, SETTINGS)
    assert found.u == pytest.approx(0.08 / Z)
    above = compare(lopsided, replace(below, value=1.0, low=1.0, high=1.0), SETTINGS)
    assert above.u == pytest.approx(0.01 / Z)


def test_an_interval_of_another_confidence_gives_the_same_uncertainty() -> None:
    narrow = Figure("R", "nuclei", "density_cells_per_cm2", 1000, 1000 - 1.644854, 1001.644854, 0.9)
    assert compare(narrow, density(1000.5, 0), SETTINGS).u == pytest.approx(1, abs=1e-6)


def test_method_uncertainty_joins_in_quadrature() -> None:
    """W25: 4 % sampling and 3 % of the method on one side, nothing on the other."""
    a, b = density(25_000, 1_000), density(24_000, 0, "V")
    found = compare(a, b, CrosscheckSettings(method_uncertainty=0.03))
    assert found.u == pytest.approx(math.sqrt(1000**2 + 750**2 + 720**2))


def test_no_width_is_no_answer_unless_equal() -> None:
    assert compare(density(5, 0), density(5, 0), SETTINGS).verdict == "agree"
    found = compare(density(5, 0), density(6, 0), SETTINGS)
    assert (found.verdict, found.reason) == ("not_evaluable", "no_interval")


def test_sound_assays_disagree_as_often_as_the_confidence_says() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.normal(20_000, 900, 2000), rng.normal(20_000, 1_800, 2000)
    verdicts = [
        compare(density(x, 900), density(y, 1_800), SETTINGS).verdict
        for x, y in zip(a.tolist(), b.tolist(), strict=True)
    ]
    assert 0.035 < verdicts.count("disagree") / 2000 < 0.065


@pytest.mark.parametrize(
    ("fields", "shift", "least", "most"),
    [(2, 0.0, 0, 0.05), (4, 0.0, 0.005, 0.03), (9, 0.0, 0.02, 0.05), (4, 0.5, 0.55, 0.75)],
)
def test_few_fields_accuse_seldom(fields: int, shift: float, least: float, most: float) -> None:
    """Fields with a CV of 20 %, each assay with its own t interval."""
    rng = np.random.default_rng(1)
    counts = rng.normal(1, 0.2, (1000, 2, fields)) + np.array([[0], [shift]])
    sides = [[_measured(values) for values in pair] for pair in counts]
    found = [compare(a, b, SETTINGS).verdict for a, b in sides].count("disagree") / 1000
    assert least <= found <= most


def _measured(values: NDArray[np.float64]) -> Figure:
    interval = t_interval(values)
    mean = float(values.mean())
    return Figure("R", "nuclei", "density_cells_per_cm2", mean, interval.low, interval.high, 0.95)


def test_plausible_density_by_hand() -> None:
    """W6 from the other end: 0.32968 is 20,000 cells of 2,000 um2 at random."""
    fewest, most = plausible_density(0.32968, (2000.0, 4000.0))
    assert most == pytest.approx(20_000, rel=1e-5)
    assert fewest == pytest.approx(0.32968e8 / 4000)
    assert plausible_density(1.0, (500.0, 6000.0))[1] == math.inf
    assert plausible_density(0.0, (500.0, 6000.0)) == (0, 0)
    with pytest.raises(ValueError, match=r"confluence 1\.2"):
        plausible_density(1.2, (500.0, 6000.0))


@pytest.mark.parametrize(
    ("counted", "verdict"),
    [(5_000, "disagree"), (12_000, "agree"), (100_000, "agree"), (250_000, "disagree")],
)
def test_a_count_is_held_against_the_area_of_a_cell(counted: float, verdict: str) -> None:
    """0.6 is 10,000 cells of 6,000 um2 side by side, 183,258 of 500 um2 thrown."""
    found = compare_by_area(density(counted, counted / 20), confluence(0.6, 0.03), SETTINGS)
    assert found.verdict == verdict
    assert found.quantity == "area density by cell area"
    assert found.joint_value is None
    assert found.b.value == pytest.approx(min(max(counted, 10_000), 183_258.1), rel=1e-6)
    assert found.b.low == pytest.approx(0.57e8 / 6000)
    if verdict == "disagree":
        assert "10,000 to 183,258 cells/cm2" in found.detail


def test_uncertainty_of_confluence_softens_the_edge() -> None:
    """9,000 counted, 10,000 the fewest: a wide interval of confluence lets it pass."""
    counted = density(9_000, 300)
    assert compare_by_area(counted, confluence(0.6, 0.01), SETTINGS).verdict == "disagree"
    assert compare_by_area(counted, confluence(0.6, 0.06), SETTINGS).verdict == "agree"


def test_a_full_layer_may_hold_any_number() -> None:
    full = confluence(0.94, 0.03)
    found = compare_by_area(density(9e5, 1e4), full, SETTINGS)
    assert found.verdict == "agree"
    assert found.b.high is None
    few = compare_by_area(density(5_000, 200), full, SETTINGS)
    assert few.verdict == "disagree"
    assert "at least 15,667" in few.detail


def told(row: dict[str, Any] | None, run: str, assay: str) -> list[Figure]:
    columns = list(row or WELLS[run][0])
    return figures_of(row, columns, run, assay, 0.95)


def well(name: str, **figures: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {"plate": "P", "well": name, "time": None}
    for key, value in figures.items():
        half = None if value is None else 0.05 * value
        row |= {
            key: value,
            f"{key}_ci_low": None if value is None else value - (half or 0),
            f"{key}_ci_high": None if value is None else value + (half or 0),
            f"{key}_ci_method": "t between fields",
        }
    return row


WELLS: dict[str, list[dict[str, Any]]] = {
    "nuclei": [
        well("B02", density_cells_per_cm2=20_000.0),
        well("B10", density_cells_per_cm2=20_000.0),
        well("B03", density_cells_per_cm2=None),
    ],
    "confluence": [
        well("B02", confluence=0.5, indirect_density_cells_per_cm2=21_000.0),
        well("B10", confluence=0.02, indirect_density_cells_per_cm2=None),
        well("B03", confluence=0.4, indirect_density_cells_per_cm2=None),
    ],
    "viability": [
        well("B02", density_cells_per_cm2=30_000.0, viability=0.95),
        well("B10", density_cells_per_cm2=20_500.0, viability=0.9),
    ],
    "suspension": [well("B02", viability=0.5)],
}


def test_the_interval_of_a_viability_that_decides_and_its_doubt_are_used() -> None:
    row = well("B02", viability=0.8) | {
        "viability_cluster_ci_low": 0.7,
        "viability_cluster_ci_high": 0.9,
        "viability_decides": "between fields",
        "viability_if_indeterminate_dead": 0.6,
        "viability_if_indeterminate_live": 0.85,
    }
    (figure,) = figures_of(row, ["viability"], "V", "viability", 0.95)
    assert (figure.low, figure.high) == (0.6, 0.9)
    (binomial,) = figures_of(row | {"viability_decides": "binomial"}, ["viability"], "V", "v", 0.95)
    assert (binomial.low, binomial.high) == pytest.approx((0.6, 0.85))


def counted(live: int, dead: int, area: float | None = 0.01, state: str = "ok") -> dict[str, Any]:
    told = state == "ok"
    return {
        "state": state, "area_cm2": area if told else None, "n_live": live if told else None,
        "n_dead": dead if told else None, "n_indeterminate": 1 if told else None,
    }  # fmt: skip


def test_total_density_by_hand() -> None:
    """11, 15 and 19 cells of 0.01 cm2: mean 1,500, SD 400, t(2) 4.302653."""
    rows = [counted(8, 2), counted(10, 4), counted(18, 0), counted(9, 9, state="failed")]
    found = total_density(rows, SummariseSettings())
    half = 4.302653 * 400 / math.sqrt(3)
    assert found["density_cells_per_cm2"] == pytest.approx(1500)
    assert found["density_cells_per_cm2_ci_low"] == pytest.approx(1500 - half, abs=0.01)
    assert found["density_cells_per_cm2_ci_method"] == "t between fields"


def test_total_density_without_spread_is_poisson_and_without_pixel_size_null() -> None:
    (low, high) = stats.chi2.ppf(0.025, 22) / 2, stats.chi2.ppf(0.975, 24) / 2
    for rows in ([counted(8, 2)], [counted(8, 2, 0.005), counted(2, 8, 0.005)]):
        found = total_density(rows, SummariseSettings())
        n = sum(row["n_live"] + row["n_dead"] + 1 for row in rows)
        assert found["density_cells_per_cm2"] == pytest.approx(n / 0.01)
        assert str(found["density_cells_per_cm2_ci_method"]).startswith("Poisson")
    one = total_density([counted(8, 2)], SummariseSettings())
    assert one["density_cells_per_cm2_ci_low"] == pytest.approx(low / 0.01)
    assert one["density_cells_per_cm2_ci_high"] == pytest.approx(high / 0.01)
    for rows in ([counted(8, 2), counted(8, 2, None)], [counted(1, 1, state="failed")]):
        unknown = total_density(rows, SummariseSettings())
        assert unknown["density_cells_per_cm2"] is None
        assert unknown["density_cells_per_cm2_ci_low"] is None


def of(found: list[Comparison]) -> list[tuple[str, str, str, str]]:
    return [(c.quantity, c.a.assay, c.b.assay, c.verdict) for c in found]


def test_calibrated_confluence_is_compared_as_density() -> None:
    rows = {name: wells[0] for name, wells in WELLS.items()}
    figures = [figure for name, row in rows.items() for figure in told(row, name, name)]
    assert of(compare_well(figures, SETTINGS)) == [
        ("area density", "nuclei", "confluence", "agree"),
        ("area density", "nuclei", "viability", "disagree"),
        ("area density", "confluence", "viability", "disagree"),
        ("viability", "viability", "suspension", "disagree"),
    ]
    assert "measurands differ" in compare_well(figures, SETTINGS)[3].detail


def test_confluence_without_calibration_is_compared_by_cell_area() -> None:
    figures = [f for name in ("nuclei", "confluence") for f in told(WELLS[name][1], name, name)]
    assert of(compare_well(figures, SETTINGS)) == [
        ("area density by cell area", "nuclei", "confluence", "disagree")
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (None, "no_well"),
        (well("B02", density_cells_per_cm2=None), "no_value"),
        (
            well("B02", density_cells_per_cm2=1.0) | {"density_cells_per_cm2_ci_low": None},
            "no_interval",
        ),
    ],
)
def test_what_cannot_be_compared_says_why(row: dict[str, Any] | None, reason: str) -> None:
    (figure,) = told(row, "nuclei", "nuclei")
    found = compare(density(5, 1, "V"), figure, SETTINGS)
    assert (found.verdict, found.reason, found.chi2) == ("not_evaluable", reason, None)
    assert "nuclei" in found.detail
    by_area = compare_by_area(figure, confluence(0.5, 0.1), SETTINGS)
    assert (by_area.verdict, by_area.reason) == ("not_evaluable", reason)


def test_a_row_has_every_column_in_order() -> None:
    row = compare(density(5, 1), density(6, 1, "V"), SETTINGS).row()
    assert list(row) == [name for name, _ in COMPARISON_COLUMNS]


def write_run(root: Path, name: str, wells: list[dict[str, Any]], assay: str) -> Path:
    """A folder that looks like a finished run."""
    folder = root / name
    folder.mkdir()
    method = {"assay": assay, "summarise": {"confidence": 0.95}}
    record = {"format": 1, "method": method, "method_sha256": name}
    (folder / "run.json").write_text(json.dumps(record))
    pq.write_table(pa.Table.from_pylist(wells), folder / "wells.parquet")
    pq.write_table(pa.table({"state": ["ok"]}), folder / "fields.parquet")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    return {name: write_run(tmp_path, name, wells, name) for name, wells in WELLS.items()}


def test_runs_are_compared_well_by_well(runs: dict[str, Path]) -> None:
    table = crosscheck_runs([runs["nuclei"], runs["confluence"]], SETTINGS)
    assert table["well"].to_pylist() == ["B02", "B03", "B10"]
    assert table["verdict"].to_pylist() == ["agree", "not_evaluable", "disagree"]
    assert tally(table) == {"agree": 1, "disagree": 1, "not_evaluable": 1}
    assert table.schema.names == ["plate", "well", "time", *(n for n, _ in COMPARISON_COLUMNS)]


def test_a_differential_count_is_added_up_field_by_field(runs: dict[str, Path]) -> None:
    wells = [{key: row[key] for key in ("plate", "well", "time")} for row in WELLS["nuclei"]]
    fields = [well | counted(150 + 10 * i, 40) for well in wells[:2] for i in range(3)]
    fields += [wells[2] | counted(1, 1, state="failed")]
    pq.write_table(pa.Table.from_pylist(fields), runs["suspension"] / "fields.parquet")
    pq.write_table(pa.Table.from_pylist(wells), runs["suspension"] / "wells.parquet")
    table = crosscheck_runs([runs["nuclei"], runs["suspension"]], SETTINGS).to_pylist()
    assert [row["verdict"] for row in table] == ["agree", "not_evaluable", "agree"]
    assert table[0]["value_b"] == pytest.approx(20_100)


def test_a_well_that_one_run_lacks_is_said(runs: dict[str, Path]) -> None:
    table = crosscheck_runs([runs["viability"], runs["nuclei"]], SETTINGS)
    absent = [row for row in table.to_pylist() if row["well"] == "B03"]
    assert [row["reason"] for row in absent] == ["no_well"]


def test_command_leaves_code_3_and_tables(
    runs: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    names = [str(runs["nuclei"]), str(runs["confluence"])]
    out = tmp_path / "out"
    assert _exit_code(["crosscheck", *names, "-o", str(out)]) == 3
    shown = capsys.readouterr().out
    assert "1 of 2 comparisons disagree; chance alone gives about 0.1. 1 could not" in shown
    assert "disagree: P/B10" in shown
    assert pq.read_table(out / "crosscheck.parquet").num_rows == 3
    assert len((out / "crosscheck.csv").read_text().splitlines()) == 4
    assert len((out / "agreement.csv").read_text().splitlines()) == 2
    options = ["--cell-area-um2", "50", "6000", "--json"]
    assert _exit_code(["crosscheck", *names, *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdicts"] == {"agree": 2, "disagree": 0, "not_evaluable": 1}
    assert answer["settings"]["cell_area_um2"] == [50, 6000]


def test_w24_bland_altman() -> None:
    found = bland_altman([-4, 2, -1, 5, -3, 1])
    assert (found.bias, found.n) == (0, 6)
    assert found.sd == pytest.approx(3.346640, abs=5e-7)
    assert (found.low, found.high) == pytest.approx((-6.559294, 6.559294), abs=5e-7)
    half = stats.t.ppf(0.975, 5) * 3.346640 / math.sqrt(6)
    assert found.interval.high == pytest.approx(half, abs=1e-6)


def test_a_bias_that_single_wells_hide_shows_over_all(tmp_path: Path, capsys: Capture) -> None:
    """One cell in eight missed, each well with an interval of +-20 %."""
    rng = np.random.default_rng(3)
    true = rng.normal(20_000, 2_000, 24)
    folders = []
    for name, values in (("all", true), ("missed", true * 0.875 + rng.normal(0, 200, 24))):
        rows = [
            well(f"B{i:02d}", density_cells_per_cm2=float(value))
            | {
                "density_cells_per_cm2_ci_low": 0.8 * value,
                "density_cells_per_cm2_ci_high": 1.2 * value,
            }
            for i, value in enumerate(values)
        ]
        folders.append(write_run(tmp_path, name, rows, "nuclei"))
    table = crosscheck_runs(folders, SETTINGS)
    assert tally(table) == {"agree": 24, "disagree": 0, "not_evaluable": 0}
    (pair,) = agreement_of(table, 0.95).to_pylist()
    assert pair["n_wells"] == 24
    assert pair["bias_percent"] == pytest.approx(100 * 0.125 / 0.9375, abs=1)
    assert pair["bias_ci_low"] > 0
    assert _exit_code(["crosscheck", *map(str, folders)]) == 0
    assert "over 24 wells, 95% interval 2," in capsys.readouterr().out


def test_one_well_has_a_bias_without_an_interval(tmp_path: Path, capsys: Capture) -> None:
    rows = [well("B02", viability=value) for value in (0.9, 0.88)]
    folders = [
        write_run(tmp_path, name, [row], "viability") for name, row in zip("ab", rows, strict=True)
    ]
    assert _exit_code(["crosscheck", *map(str, folders)]) == 0
    assert "bias 0.02 fraction (+2.2 %) over 1 well." in capsys.readouterr().out


def test_equal_runs_give_equal_files(runs: dict[str, Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        names = [str(runs[run]) for run in ("nuclei", "viability")]
        assert _exit_code(["crosscheck", *names, "-o", str(tmp_path / name)]) == 3
    one, two = (tmp_path / name / "crosscheck.parquet" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def rename(folder: Path, **change: str | None) -> None:
    rows = pq.read_table(folder / "wells.parquet").to_pylist()
    pq.write_table(pa.Table.from_pylist([row | change for row in rows]), folder / "wells.parquet")


def test_plates_of_other_names_can_be_matched_by_well(runs: dict[str, Path]) -> None:
    rename(runs["confluence"], plate="phase")
    pair = [runs["nuclei"], runs["confluence"]]
    with pytest.raises(InputError, match=r"no well in common.*--match well,time"):
        crosscheck_runs(pair, SETTINGS)
    assert tally(crosscheck_runs(pair, SETTINGS, ["well", "time"]))["agree"] == 1


def test_bad_calls_are_named(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    pair = [runs["nuclei"], runs["suspension"]]
    with pytest.raises(InputError, match=r"nothing in common.*suspension is of suspension"):
        crosscheck_runs(pair, SETTINGS)
    with pytest.raises(ConfigError, match="1 run given"):
        crosscheck_runs([runs["nuclei"], runs["nuclei"]], SETTINGS)
    with pytest.raises(ConfigError, match="'vessel'"):
        crosscheck_runs(pair, SETTINGS, ["vessel"])
    with pytest.raises(ConfigError, match=r"two wells are alike.*plate P"):
        crosscheck_runs(pair, SETTINGS, ["plate"])
    with pytest.raises(RunFolderError, match=r"no run\.json"):
        crosscheck_runs([runs["nuclei"], tmp_path], SETTINGS)
    both = [str(folder) for folder in pair]
    assert _exit_code(["crosscheck", *both, "--cell-area-um2", "9", "5"]) == 2
    assert "--cell-area-um2" in capsys.readouterr().err
