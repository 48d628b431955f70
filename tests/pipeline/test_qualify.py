"""Qualification: COMET's figures, ANOVA as oracle, worked examples, and `run` that asks for it."""

import csv
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monolayer.cli import _exit_code as cli
from monolayer.engine.qualification import series_of_run
from monolayer.errors import ConfigError, InputError, MissingExtraError
from monolayer.intake.dilution_table import read_series, to_comet
from monolayer.intake.qualification_tables import read_pairs, read_precision
from monolayer.method import Method, load_method
from monolayer.qualify import (
    Contribution,
    Observation,
    QualificationRecord,
    QualifySettings,
    combine,
    detection_limit,
    judge_series,
    qualify,
    record_of,
    variance_components,
)
from monolayer.qualify.qualification import Pair
from monolayer.qualify.series import ratio_of_indices
from monolayer.qualify.settings import UncertaintySettings
from monolayer.qualify.strata import generalised_intervals, split_strata
from monolayer.qualify.uncertainty import budget
from monolayer.results import open_run
from monolayer.settings_file import load_settings

COMET_HEAD = (
    "counting_method,target_dilution_fraction,measured_dilution_fraction,random_sample_number,"
    "rep_obsv,cell_conc"
)
SEEDING_HEAD = (
    "counting_method,seeding_density_cells_per_cm2,random_sample_number,density_cells_per_cm2"
)


def simulated(bend: float = 0.0, cv: float = 0.03, seed: int = 0) -> list[Observation]:
    """Four fractions x three samples x three observations, and three blanks."""
    rng = np.random.default_rng(seed)
    found = [Observation(0.0, None, f"b{i}", float(rng.poisson(40))) for i in range(3)]
    for fraction, sample in itertools.product((0.25, 0.5, 0.75, 1.0), range(3)):
        true = 1e5 * fraction * (1 + bend * fraction)
        found += [
            Observation(fraction, None, f"{fraction}-{sample}", float(true * rng.lognormal(0, cv)))
            for _ in range(3)
        ]
    return found


def lines(found: list[Observation], method: str = "nuclei") -> str:
    rows = [f"{method},{o.target},NA,{o.sample},1,{o.value}" for o in found]
    return "\n".join([COMET_HEAD, *rows]) + "\n"


# Dilution series ---------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(
    ("example", "method", "golden"),
    [
        ("1", "Method 2", (1_059_214, 0.9983812, 0.01162283, 0.3466679)),
        ("2", "Method 7", (2_447_185, 0.9570395, 0.7484988, 3.144001)),
    ],
)
def test_comet_s_own_examples(
    data_folder: Path, example: str, method: str, golden: tuple[float, ...]
) -> None:
    path = data_folder / "tables" / f"nist_comet_example_{example}.csv"
    (series,) = (each for each in read_series(path) if each.method == method)
    found = judge_series(method, series.kind, series.observations, draws=50)
    told = found.fit
    assert (told.slope, told.r2_uncentred, told.pi_ss_scaled, told.pi_sa_scaled) == pytest.approx(
        golden, rel=5e-7
    )
    assert found.shortfall == ""
    if example == "1":
        cvs = [each.cv for each in found.scatter]
        assert cvs == pytest.approx([0.056233, 0.077435, 0.04868, 0.038287, 0.039089], abs=5e-7)


# Method 1 of COMET's Example 3 (NIST, public): measured fraction, three counts in thousands.
EXAMPLE_3 = """
.0976 255 268 265  .0989 271 303 290  .0955 269 278 274  .0995 325 326 283
.2969 824 848 789  .2969 899 878 820  .2976 904 812 786  .3015 811 847 826
.4996 1360 1420 1400  .5004 1400 1320 1410  .4983 1340 1320 1360  .5007 1310 1330 1340
.7003 1930 1930 1830  .7006 1880 1860 1870  .6995 1860 1870 1890  .7011 1860 2000 1900
.8995 2400 2360 2390  .9009 2500 2370 2540  .9011 2450 2450 2410  .9022 2460 2460 2440
"""


def test_comet_s_third_example() -> None:
    numbers = np.array(EXAMPLE_3.split(), float).reshape(20, 4)
    observations = [
        Observation(0.1 + 0.2 * (i // 4), fraction, str(i), 1000 * count)
        for i, (fraction, *counts) in enumerate(numbers.tolist())
        for count in counts
    ]
    found = judge_series("Method 1", "dilution", observations, draws=50).fit
    told = (found.slope, found.r2_uncentred, found.pi_ss_scaled, found.pi_sa_scaled)
    assert told == pytest.approx((2_725_474, 0.9993193, 0.020545, 0.4591075), rel=5e-7)


@pytest.mark.data
def test_comet_files_come_back_as_they_were(data_folder: Path, tmp_path: Path) -> None:
    for example in "12":
        before = read_series(data_folder / "tables" / f"nist_comet_example_{example}.csv")
        (tmp_path / "again.csv").write_bytes(to_comet(before))
        assert read_series(tmp_path / "again.csv") == before


def test_w10_through_the_series() -> None:
    found = judge_series(
        "w10",
        "dilution",
        [Observation(x, None, str(x), y) for x, y in ((0.25, 26), (0.5, 50), (0.75, 72), (1, 100))],
    )
    assert found.fit.pi_sa_scaled == pytest.approx(0.09677419, abs=5e-9)
    assert found.fit.pi_ss_scaled == pytest.approx(0.003511967, abs=5e-10)
    assert found.fit.r2_uncentred == pytest.approx(0.999415015, abs=5e-10)
    assert found.fit.r2_centred == pytest.approx(0.9973190, abs=5e-8)
    assert found.shortfall == "1 of 3 replicate samples, 1 of 3 observations"
    assert found.intervals["pi_sa_scaled"].low is None
    assert found.scatter[0].cv is None


def test_a_bent_method_has_a_larger_index_and_disjoint_interval() -> None:
    straight, bent = (judge_series("m", "dilution", simulated(b), draws=200) for b in (0.0, -0.4))
    low, high = straight.intervals["pi_sa_scaled"], bent.intervals["pi_sa_scaled"]
    assert low.high is not None
    assert high.low is not None
    assert low.high < high.low
    ratio, interval = ratio_of_indices(simulated(-0.4), simulated(0.0), draws=200)
    assert ratio == pytest.approx(bent.fit.pi_sa_scaled / straight.fit.pi_sa_scaled)
    assert interval.low is not None
    assert interval.low > 1


def test_the_slope_s_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """SIMULATED, 60 series; docs/qualification.md has the figures of 300."""
    held = 0
    for seed in range(60):
        found = judge_series("m", "dilution", simulated(seed=seed), draws=60).intervals["slope"]
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1e5 * math.exp(0.03**2 / 2) <= found.high
    assert 50 <= held <= 60


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-6, 1e6), st.permutations(range(39)))
def test_unit_and_order_do_not_matter(factor: float, order: list[int]) -> None:
    plain = simulated(-0.2)
    given_ = [plain[i] for i in order]
    scaled = [Observation(o.target, None, o.sample, o.value * factor) for o in given_]
    first, second = (judge_series("m", "dilution", each, draws=50).fit for each in (plain, scaled))
    assert second.pi_sa_scaled == pytest.approx(first.pi_sa_scaled, rel=1e-8)
    assert second.slope == pytest.approx(first.slope * factor, rel=1e-9)


def test_same_input_same_output() -> None:
    first, second = (judge_series("m", "dilution", simulated(), draws=100) for _ in range(2))
    assert first == second


def test_seeding_series_are_named_as_adapted(tmp_path: Path) -> None:
    rows = [
        f"nuclei,{seeded},s{seeded}-{i},{seeded * 0.9 + i}"
        for seeded in (1000, 2000, 4000, 8000)
        for i in range(3)
    ]
    (tmp_path / "s.csv").write_text("\n".join([SEEDING_HEAD, *rows, "nuclei,0,blank,3"]))
    (series,) = read_series(tmp_path / "s.csv")
    assert (series.kind, series.unit, series.seeded_cells_per_cm2) == ("seeding", "cells/cm²", 8000)
    assert series.blanks == [3.0]
    assert len(series.lowest) == 3
    found = judge_series(series.method, series.kind, series.observations)
    assert found.standard.startswith("adapted from ISO 20391-2")
    assert found.fit.slope == pytest.approx(7200, rel=1e-3)


def test_total_and_viable_counts_of_a_sample_are_two_series(tmp_path: Path) -> None:
    rows = [
        f"m,{fraction},NA,{sample},{n},{1e6 * fraction * share},{kind}"
        for kind, share in (("total", 1.0), ("viable", 0.8))
        for fraction in (0.5, 1.0)
        for sample in (f"{fraction}a", f"{fraction}b")
        for n in (1, 2)
    ]
    (tmp_path / "s.csv").write_text("\n".join([f"{COMET_HEAD},concentration_type", *rows]))
    found = read_series(tmp_path / "s.csv")
    slopes = {each.method: judge_series(each.method, each.kind, each.observations, draws=50)
              for each in found}  # fmt: skip
    assert slopes["m, total"].fit.slope == pytest.approx(1e6)
    assert slopes["m, viable"].fit.slope == pytest.approx(0.8e6)


def test_a_run_is_a_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_plate: Callable[..., object]
) -> None:
    """Wells of a drawn plate as if they had been seeded with what they hold."""
    monkeypatch.chdir(tmp_path)
    write_plate(tmp_path / "plate", wells=("B02", "B03", "C04"), fields=2)
    assert cli(["run", "plate", "-o", "RUN", "--workers", "1"]) == 0
    run = open_run(Path("RUN"))
    wells = run.wells.arrow(["well", "density_cells_per_cm2"]).to_pylist()
    lines_ = [f"{row['well'].lower()},{row['density_cells_per_cm2'] or 0}" for row in wells]
    Path("doses.csv").write_text("\n".join(["well,seeding_density_cells_per_cm2", *lines_]))
    series = series_of_run(Path("RUN"), Path("doses.csv"))
    assert series.kind == "seeding"
    evaluated = [
        row for row in run.fields.arrow().to_pylist() if row["density_cells_per_cm2"] is not None
    ]
    assert len([o for o in series.observations if o.target > 0]) == len(evaluated)
    found = judge_series("run", series.kind, series.observations, draws=50)
    assert found.fit.slope == pytest.approx(series.seeded_cells_per_cm2 or 0, rel=0.02)
    assert cli(["qualify", "RUN"]) == 2
    assert cli(["qualify", "RUN", "--doses", "doses.csv", "-o", "Q"]) == 3
    assert "adapted from ISO 20391-2" in Path("Q/report.html").read_text()
    record = load_settings(Path("Q/qualification.yaml"), QualificationRecord, "", "")
    assert record.method_sha256 == run.record["method_sha256"]
    Path("m.yaml").write_text("segment: {method: threshold}\n")
    assert cli(["qualify", "RUN", "--doses", "doses.csv", "--method", "m.yaml"]) == 2
    Path("doses.csv").write_text("well,seeding_density_cells_per_cm2\nZ09,3000\n")
    with pytest.raises(InputError, match="names no well with cells that"):
        series_of_run(Path("RUN"), Path("doses.csv"))


# Precision, detection, uncertainty ---------------------------------------------------------------


def anova(logs: np.ndarray) -> list[float]:
    """Balanced crossed main effects: expected mean squares solved by hand."""
    mean, shape = logs.mean(), logs.shape
    squares, free = [], []
    for axis in range(3):
        others = tuple(i for i in range(4) if i != axis)
        effect = logs.mean(axis=others) - mean
        squares.append((effect**2).sum() * logs.size / shape[axis])
        free.append(shape[axis] - 1)
    rest = (((logs - mean) ** 2).sum() - sum(squares)) / (logs.size - 1 - sum(free))
    parts = [
        max((s / f - rest) / (logs.size / shape[axis]), 0.0)
        for axis, (s, f) in enumerate(zip(squares, free, strict=True))
    ]
    return [*parts, rest]


@pytest.mark.parametrize("seed", [1, 4])
def test_components_are_anova_s_where_the_design_is_balanced(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = list(itertools.product("ABC", "12345", "xy", range(2)))
    sds = (("ABC", 0.06), ("12345", 0.05), ("xy", 0.06))
    effect = [{kind: float(rng.normal(0, sd)) for kind in kinds} for kinds, sd in sds]
    logs = np.array(
        [
            14 + sum(effect[i][str(cell[i])] for i in range(3)) + rng.normal(0, 0.03)
            for cell in cells
        ]
    )
    named = {n: [str(c[i]) for c in cells] for i, n in enumerate(("operator", "day", "instrument"))}
    found = variance_components(np.exp(logs).tolist(), named, interactions=False)
    wanted = anova(logs.reshape(3, 5, 2, 2))
    assert all(variance > 0 for variance in wanted)
    cvs = [c.cv_percent for c in found.components]
    assert cvs == pytest.approx([100 * math.sqrt(v) for v in wanted], rel=0.01)
    assert found.intermediate_percent == pytest.approx(100 * math.sqrt(sum(wanted)), rel=0.01)
    assert [c.few for c in found.components] == [True, False, True, False]
    assert sum(c.share for c in found.components) == pytest.approx(1)


def two_way(rng: np.random.Generator, sds: tuple[float, ...]) -> np.ndarray:
    """Logarithms of 4 operators on 5 days, 3 times each: operator, day, both, rest."""
    shapes = ((4, 1, 1), (1, 5, 1), (4, 5, 1), (4, 5, 3))
    return sum(
        (rng.normal(0, sd, shape) for sd, shape in zip(sds, shapes, strict=True)),
        np.zeros((4, 5, 3)),
    )


def levels_of_two_way() -> dict[str, list[str]]:
    cells = list(itertools.product("ABCD", "12345", range(3)))
    return {"operator": [str(c[0]) for c in cells], "day": [str(c[1]) for c in cells]}


def test_an_interaction_is_anova_s_and_intervals_are_known_ones() -> None:
    logs = two_way(np.random.default_rng(1), (0.08, 0.08, 0.06, 0.02))
    found = variance_components(np.exp(logs).ravel().tolist(), levels_of_two_way())
    mean, rows, columns, cells = logs.mean(), logs.mean((1, 2)), logs.mean((0, 2)), logs.mean(2)
    ms_rows = 15 * ((rows - mean) ** 2).sum() / 3
    ms_columns = 12 * ((columns - mean) ** 2).sum() / 4
    both = cells - rows[:, None] - columns[None, :] + mean
    ms_both = 3 * (both**2).sum() / 12
    rest = ((logs - cells[:, :, None]) ** 2).sum() / 40
    wanted = [(ms_rows - ms_both) / 15, (ms_columns - ms_both) / 12, (ms_both - rest) / 3, rest]
    assert all(variance > 0 for variance in wanted)
    assert [c.source for c in found.components] == [
        "operator", "day", "operator x day", "repeatability"]  # fmt: skip
    assert [c.df for c in found.components] == [3, 4, 12, 40]
    assert [c.cv_percent for c in found.components] == pytest.approx(
        [100 * math.sqrt(v) for v in wanted], rel=0.01
    )
    exact = [100 * math.sqrt(40 * rest / q) for q in stats.chi2.ppf([0.975, 0.025], 40)]
    last = found.components[-1]
    assert (last.ci_low_percent, last.ci_high_percent) == pytest.approx(exact, rel=0.01)
    assert found.intermediate_low_percent < found.intermediate_percent
    assert found.intermediate_percent < found.intermediate_high_percent
    assert found.not_apart == ()


def test_intervals_of_components_hold_the_truth_as_often_as_they_say() -> None:
    """SIMULATED; standard error of a share of 200: 1.5 points."""
    sds, rng = (0.06, 0.05, 0.04, 0.03), np.random.default_rng(7)
    strata = split_strata({n: np.array(v) for n, v in levels_of_two_way().items()},
                          interactions=True)  # fmt: skip
    names = ("operator", "day", "operator x day", "repeatability")
    held, whole = dict.fromkeys(names, 0), 0
    for _ in range(200):
        bounds, total = generalised_intervals(two_way(rng, sds).ravel(), strata, 0.95, 1)
        whole += total[0] <= sum(sd**2 for sd in sds) <= total[1]
        for name, sd in zip(names, sds, strict=True):
            held[name] += bounds[name][0] <= sd**2 <= bounds[name][1]
    assert all(0.91 < each / 200 < 0.99 for each in (*held.values(), whole))


def test_tables_are_read_as_spreadsheets_write_them(tmp_path: Path) -> None:
    """Semicolons or tabs, a byte order mark, Windows' line ends, spaces about names."""
    plain = lines(simulated())
    (tmp_path / "plain.csv").write_text(plain)
    wanted = read_series(tmp_path / "plain.csv")
    for mark in (";", "\t"):
        text = plain.replace(",", mark).replace("rep_obsv", " rep_obsv ").replace("\n", "\r\n")
        (tmp_path / "other.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert read_series(tmp_path / "other.csv") == wanted


def test_what_a_design_does_not_tell_apart_is_named_or_refused() -> None:
    rng = np.random.default_rng(3)
    values = np.exp(rng.normal(0, 0.05, 24)).tolist()
    operators = [str(i // 8) for i in range(24)]
    own_days = [f"{i // 2}" for i in range(24)]  # twelve days, four of each operator
    found = variance_components(values, {"operator": operators, "day": own_days})
    assert found.not_apart == ("operator x day",)
    assert [c.source for c in found.components] == ["operator", "day", "repeatability"]
    with pytest.raises(InputError, match="cannot be told apart from"):
        variance_components(values, {"operator": operators, "instrument": operators})


def test_a_component_that_is_not_there_is_near_zero() -> None:
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(0, 0.05, 40)).tolist()
    found = variance_components(values, {"operator": list("ABCD") * 10, "day": ["1"] * 40})
    assert [c.source for c in found.components] == ["operator", "repeatability"]
    assert found.components[0].cv_percent < 2
    assert found.repeatability_percent == pytest.approx(5, rel=0.25)


@pytest.mark.parametrize("spread", [1e-9, 0.05, 2.0])
def test_no_spread_breaks_the_estimate(spread: float) -> None:
    """Some of these stop one of the optimisers with a matrix that cannot be inverted."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        n = int(rng.integers(8, 30))
        levels = {
            name: [str(level) for level in rng.integers(0, 3, n)] for name in ("operator", "day")
        }
        found = variance_components(np.exp(rng.normal(0, spread, n)).tolist(), levels)
        assert 0 < found.intermediate_percent < 1000 * spread


def test_without_its_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.regression.mixed_linear_model", None)
    with pytest.raises(MissingExtraError, match=r"monolayer\[science\]"):
        variance_components([1, 2, 3, 4], {"operator": ["A", "A", "B", "B"]})


def test_limit_of_detection_by_hand() -> None:
    """Blanks 0, 1, 2: SD 1; low samples of SD 2 with 4 degrees of freedom."""
    found = detection_limit([0, 1, 2], [[8, 10, 12], [18, 20, 22]])
    assert found.limit_of_blank == pytest.approx(1 + 1.6448536)
    assert found.limit_of_detection == pytest.approx(1 + 1.6448536 + 1.6448536 * 2 / (1 - 1 / 16))
    with pytest.raises(InputError, match="2 blanks"):
        detection_limit([0, 1], [[8, 10, 12], [18, 20, 22]])


def test_w25_uncertainty() -> None:
    found = combine([Contribution("sampling", "", 4.0), Contribution("area", "", 1.0),
                     Contribution("segmentation", "", 3.0)])  # fmt: skip
    assert found.standard_percent == pytest.approx(5.09902, abs=5e-6)
    assert found.expanded_percent is not None
    assert 25_000 * found.expanded_percent / 100 == pytest.approx(2549.5, abs=0.05)


def test_a_pixel_size_enters_an_area_twice_and_what_nobody_told_is_named() -> None:
    told = UncertaintySettings(pixel_size_percent=1.5)
    area = budget(told, is_area=True, sampling_percent=4.0, precision_percent=3.0)
    assert area.standard_percent == pytest.approx(5.0)
    assert area.unknown == ("segmentation", "dilution and volume")
    assert [c.source for c in budget(told, is_area=False).contributions].count("pixel size") == 0
    assert budget(UncertaintySettings(), is_area=False).expanded_percent is None
    with pytest.raises(InputError, match="uncertainty of x: -1 % is impossible"):
        combine([Contribution("x", "", -1.0)])


def test_w24_against_the_second_counter() -> None:
    pairs = [Pair(str(d), 100 + d / 2, 100 - d / 2) for d in (-4, 2, -1, 5, -3, 1)]
    found = qualify("m", "dilution", "cells/mL", simulated(), QualifySettings(), pairs=pairs)
    assert found.agreement is not None
    assert found.agreement.bias == pytest.approx(0, abs=1e-12)
    assert found.agreement.sd == pytest.approx(3.346640, abs=5e-7)
    assert found.agreement.high == pytest.approx(6.559294, abs=5e-7)


# Verdicts, record, run ---------------------------------------------------------------------------


def plan(**limits: float) -> QualifySettings:
    return QualifySettings.model_validate({"limits": limits, "bootstrap_draws": 50})


def test_limits_decide_and_without_one_nothing_is_qualified() -> None:
    found = qualify("m", "dilution", "cells/mL", simulated(), plan())
    assert found.detection is not None
    assert record_of(found, plan()).reasons == ["the plan sets no limit"]
    assert record_of(found, plan(max_cv_percent=10, min_r2_uncentred=0.99)).qualified
    strict = record_of(found, plan(max_cv_percent=0.1, max_bias_percent=5))
    assert not strict.qualified
    assert any("bias against the second counter (%) not measured" in r for r in strict.reasons)
    assert any(r.startswith("largest CV") for r in strict.reasons)
    small = qualify("m", "dilution", "cells/mL", simulated()[:21], plan())
    assert "fractions" in record_of(small, plan(max_cv_percent=10)).reasons[0]


def test_an_incomplete_budget_holds_no_limit() -> None:
    asked = plan(max_expanded_uncertainty_percent=50)
    found = qualify("m", "dilution", "cells/mL", simulated(), asked)
    assert not record_of(found, asked).qualified


def test_run_asks_for_a_qualified_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plate = str(Path(__file__).parents[2] / "sample_data" / "plate")
    Path("series.csv").write_text(lines(simulated()))
    Path("plan.yaml").write_text("limits: {max_cv_percent: 10}\nbootstrap_draws: 50\n")
    Path("method.yaml").write_text("name: site\nversion: '3'\n")
    asked = ["qualify", "series.csv", "--plan", "plan.yaml", "--method", "method.yaml", "-o", "Q"]
    assert cli(asked) == 0
    told = capsys.readouterr().out
    block = told[told.index("qualification:") :]
    assert "record: Q/qualification.yaml" in block
    plate_run = ["run", plate, "--method", "method.yaml", "--qualified", "-o", "OTHER"]
    assert cli(plate_run) == 2
    assert "names no record of its qualification" in capsys.readouterr().err
    plain = load_method(Path("method.yaml"))
    Path("method.yaml").write_text("name: site\nversion: '3'\n" + block)
    assert load_method(Path("method.yaml")).sha256 == plain.sha256
    run = ["run", plate, "--method", "method.yaml", "--select", "well=B02", "--workers", "1"]
    assert cli([*run, "-o", "RUN", "--qualified"]) == 0
    assert cli([*run, "-o", "OTHER", "--pixel-size-um", "0.5"]) == 2
    assert "its record is of other settings" in capsys.readouterr().err
    record = Path("Q/qualification.yaml")
    record.write_text(record.read_text().replace("method_version: '3'", "method_version: '4'"))
    assert cli([*run, "-o", "OTHER"]) == 2
    assert "is not the record that" in capsys.readouterr().err
    Path("plan.yaml").write_text("limits: {max_cv_percent: 0.1}\nbootstrap_draws: 50\n")
    assert cli(asked) == 3
    assert not Path("OTHER").exists()


def test_a_record_that_does_not_qualify_is_refused() -> None:
    found = qualify("m", "dilution", "cells/mL", simulated(), plan(max_cv_percent=0.1))
    record = record_of(found, plan(max_cv_percent=0.1))
    method = Method.model_validate(
        {"qualification": {"record": record.model_dump(), "sha256": "x"}}
    )
    with pytest.raises(ConfigError, match=r"does not qualify it \(largest CV"):
        method.check_complete()


def test_report_and_tables_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(lines(simulated()) + lines(simulated(-0.3), "other").split(
        "\n", 1)[1])  # fmt: skip
    (tmp_path / "p.csv").write_text("sample,count,count_second\na,10,11\nb,20,19\nc,5,5.2\n")
    (tmp_path / "r.csv").write_text(
        "value,operator,day\n"
        + "\n".join(
            f"{100 + i + 3 * (o == 'A')},{o},{d}" for o in "AB" for d in "12" for i in (0, 2)
        )
    )
    out = tmp_path / "OUT"
    asked = ["qualify", str(tmp_path / "s.csv"), "-o", str(out), "--counting-method", "nuclei"]
    asked += ["--pairs", str(tmp_path / "p.csv"), "--precision", str(tmp_path / "r.csv")]
    assert cli([*asked, "--comet", str(tmp_path / "comet.csv")]) == 3
    names = ("agreement", "detection", "pairs", "precision", "scatter", "series", "uncertainty")
    assert sorted(p.name for p in out.iterdir()) == sorted(
        [*(f"{n}.{s}" for n in names for s in ("csv", "parquet")), "qualification.yaml",
         "report.html"]
    )  # fmt: skip
    with (out / "series.csv").open(newline="") as file:
        assert [row["counting_method"] for row in csv.DictReader(file)] == ["nuclei", "other"]
    page = (out / "report.html").read_text()
    for words in ("Against the second counter", "Operator, day, instrument", "Limit of detection"):
        assert words in page
    assert "http" not in page.replace("http-equiv", "")
    before = (out / "report.html").read_bytes()
    assert cli(asked) == 3
    assert (out / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no sample with cells"),
        ("counting_method,cell_conc\nm,1\n", "has no column 'random_sample_number'"),
        (f"{COMET_HEAD}\nm,0.5,NA,1,1,-3\n", "line 2: cell_conc -3 is negative"),
        (f"{COMET_HEAD}\nm,1.5,NA,1,1,3\n", "line 2: target_dilution_fraction is 1.5"),
        (f"{COMET_HEAD}\nm,,NA,1,1,3\n", "target_dilution_fraction is nothing"),
        (f"{COMET_HEAD}\nm,0.5,7,1,1,3\n", "measured_dilution_fraction 7 is no fraction"),
        (f"{COMET_HEAD}\nm,0.5,NA,1,1,many\n", "cell_conc 'many' is no number"),
        (f"{COMET_HEAD}\nm,0.5,NA,,1,3\n", "names no random_sample_number"),
        (f"{COMET_HEAD}\n,0.5,NA,1,1,3\n", "names no counting_method"),
        (f"{COMET_HEAD}\nm,0.5,NA,1,1,3,4\n", "line 2: has more cells than the head"),
        (f"{COMET_HEAD}\n".replace(",", ";") + "m;0,5;NA;1;1;3\n", "write a decimal point"),
        (f"{COMET_HEAD},cell_conc\nm,0.5,NA,1,1,3,4\n", "has two columns 'cell_conc'"),
        (f"{COMET_HEAD}\nm,0.5,NA,1,1,3\nm,0.5,NA,2,1,4\n", "two fractions or more"),
        (f"{COMET_HEAD}\nm,0.5,NA,1,1,3\nm,1,NA,1,1,4\n", "sample 1 is at two dilution fractions"),
        (f"{COMET_HEAD}\nm,0.5,NA,1,1,0\nm,1,NA,2,1,0\n", "every concentration is 0"),
        (f"{COMET_HEAD}\na,1,NA,1,1,3\nb,1,NA,1,1,3\n", "holds several counting methods"),
    ],
)
def test_bad_series_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    out = tmp_path / "OUT"
    assert cli(["qualify", str(tmp_path / "bad.csv"), "-o", str(out)]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert len(told.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("value,operator\n1,A\n-2,B\n", "has no logarithm"),
        ("value,operator\n1,A\n2,A\n", "no factor has two levels"),
        ("value,operator\n1,A\n2,B\n", "leave nothing for repeatability"),
        ("value,operator\n1,\n2,B\n", "line 2: names no operator"),
        ("count\n1\n", "has no column 'value'"),
        ("value,operator\n1,A\n1,A\n1,B\n1,B\n", "every measurement is the same"),
    ],
)
def test_bad_repeats_are_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_precision(tmp_path / "bad.csv")


def test_bad_pairs_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("sample,count,count_second\na,1,\nb,2,2\n")
    with pytest.raises(InputError, match="holds 1 pairs"):
        read_pairs(tmp_path / "bad.csv")
    with pytest.raises(InputError, match="two counts of 0"):
        qualify("m", "dilution", "u", simulated(), plan(), pairs=[Pair("a", 0, 0)] * 2)
