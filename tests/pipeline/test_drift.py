"""Drift: charts by hand and by run lengths of the literature, rules, frozen limits, files."""

import csv
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monolayer.cli import _exit_code as cli
from monolayer.culture.lot_figures import figures_of_lots, lots_csv
from monolayer.drift import (
    RULES,
    DriftSettings,
    FrozenLimits,
    broken_rules,
    cusum,
    ewma,
    freeze,
    watch,
)
from monolayer.drift.charts import ewma_limit
from monolayer.errors import InputError
from monolayer.history import Acquisition, Vessel, VesselHistory, ViabilityCount
from monolayer.intake.lots_table import read_lots
from monolayer.recipe import Recipe
from monolayer.study import Study


def good(n: int = 20, seed: int = 0, mean: float = 32.0, sd: float = 1.5) -> list[float]:
    """Lots that stay within 2 sigma, so that phase I is never refused."""
    rng = np.random.default_rng(seed)
    return [mean + sd * float(np.clip(z, -1.9, 1.9)) for z in rng.normal(size=n)]


def names(n: int) -> list[str]:
    return [f"L{i}" for i in range(n)]


def frozen(values: list[float], **changed: object) -> FrozenLimits:
    asked = DriftSettings.model_validate(changed)
    return freeze(names(len(values)), {"doubling_time_h": values}, asked)


# Rules -------------------------------------------------------------------------------------------

CASES = {
    "WE1": ([0, 0, 3.1], [2]),
    "WE2": ([0, 2.1, 0, 2.2], [3]),
    "WE3": ([1.1, 1.2, 0.5, 1.3, 1.4], [4]),
    "WE4": ([0.1] * 9, [7, 8]),
    "N1": ([-3.5], [0]),
    "N2": ([-0.1] * 9, [8]),
    "N3": ([-2, -1.5, -1, 0, 1, 2], [5]),
    "N4": ([0.5, -0.5] * 7, [13]),
    "N5": ([-2.1, -2.1], [1]),
    "N6": ([-1.1, -1.1, -1.1, -1.1], [3]),
    "N7": ([0.5, -0.9, 0.1] * 5, [14]),
    "N8": ([1.1, -1.2] * 4, [7]),
}


@pytest.mark.parametrize("rule", list(RULES))
def test_each_rule_is_told_where_it_is_completed(rule: str) -> None:
    points, places = CASES[rule]
    assert [place for place, _ in broken_rules(points, [rule])] == places
    assert broken_rules([-z for z in points], [rule]) == [(place, rule) for place in places]
    assert broken_rules([0.0] * 20, [rule]) == ([] if rule != "N7" else [
        (i, "N7") for i in range(14, 20)])  # fmt: skip


def test_rules_keep_silent_one_point_short() -> None:
    for rule, (points, places) in CASES.items():
        assert broken_rules(points[: places[0]], [rule]) == [], rule
    assert broken_rules([2.1, -2.1, 2.1], ["WE2"]) == [(2, "WE2")]
    assert broken_rules([2.1, -2.1, -0.1], ["WE2"]) == []
    assert broken_rules([2.1, 2.1, 0.0], ["WE2"]) == [(1, "WE2")], "the last point must be beyond"


@given(st.lists(st.floats(-5, 5), max_size=40))
@settings(max_examples=60, deadline=None)
def test_rules_look_back_and_never_ahead(points: list[float]) -> None:
    whole = broken_rules(points, list(RULES))
    for cut in range(len(points)):
        before = [each for each in whole if each[0] < cut]
        assert broken_rules(points[:cut], list(RULES)) == before


# Charts ------------------------------------------------------------------------------------------


def test_ewma_and_cusum_by_hand() -> None:
    assert ewma([1, 2, -1], 0.2) == pytest.approx([0.2, 0.56, 0.248])
    assert ewma_limit(0, 0.2, 3) == pytest.approx(3 * 0.2)
    assert ewma_limit(1000, 0.2, 3) == pytest.approx(3 * math.sqrt(0.2 / 1.8))
    up, down = cusum([1, 2, -1, -3], 0.5)
    assert up == pytest.approx([0.5, 2.0, 0.5, 0.0])
    assert down == pytest.approx([0, 0, 0.5, 3.0])


def run_length(shift: float, chart: str, rng: np.random.Generator) -> int:
    """Lots until the first signal, looked at in stretches."""
    z = (shift + rng.normal(size=6000)).tolist()
    if chart == "cusum":
        up, down = cusum(z, 0.5)
        return 1 + next(i for i in range(len(z)) if max(up[i], down[i]) > 5)
    smooth = ewma(z, 0.2)
    asymptotic = ewma_limit(10**6, 0.2, 2.962)
    return 1 + next(i for i in range(len(z)) if abs(smooth[i]) > asymptotic)


@pytest.mark.parametrize(
    ("chart", "shift", "published", "n"),
    [("cusum", 0.0, 465, 150), ("cusum", 1.0, 10.4, 400), ("ewma", 0.0, 500, 150),
     ("ewma", 1.0, 10.5, 400)],
)  # fmt: skip
def test_run_lengths_are_the_published_ones(
    chart: str, shift: float, published: float, n: int
) -> None:
    """SIMULATED; Lucas and Saccucci (1990), Hawkins (1993); three standard errors."""
    rng = np.random.default_rng(1)
    lengths = [run_length(shift, chart, rng) for _ in range(n)]
    error = float(np.std(lengths)) / math.sqrt(n)
    assert np.mean(lengths) == pytest.approx(published, abs=3 * error)


# Limits ------------------------------------------------------------------------------------------


def test_limits_are_of_the_mean_moving_range() -> None:
    values = [10.0, 12.0, 11.0, 13.0, 12.0, 10.0, 11.0, 12.0]
    (found,) = frozen(values).quantities
    ranges = [2, 1, 2, 1, 2, 1, 1]
    assert found.centre == pytest.approx(11.375)
    assert found.sigma == pytest.approx(sum(ranges) / 7 / 1.128, rel=5e-4)
    assert found.at(3) == pytest.approx(11.375 + 3 * found.sigma)


def test_logarithms_give_limits_above_zero() -> None:
    values = [math.exp(v) for v in good(mean=1, sd=0.5)]
    (found,) = frozen(values, log_columns=["doubling_time_h"]).quantities
    assert 0 < found.at(-3) < found.at(0) < found.at(3)
    assert found.at(3) / found.at(0) == pytest.approx(found.at(0) / found.at(-3))


def test_later_lots_do_not_move_the_limits() -> None:
    limits = frozen(good())
    drifting = [34.0 + 0.4 * i for i in range(12)]
    (found,) = watch(limits, names(12), {"doubling_time_h": drifting})
    assert found.limits == limits.quantities[0]
    assert {v.rule for v in found.violations} >= {"WE1", "WE4", "EWMA", "CUSUM"}
    assert {v.side for v in found.violations} == {"above"}
    (calm,) = watch(limits, names(20), {"doubling_time_h": good()})
    assert [v.rule for v in calm.violations if v.rule == "WE1"] == []


def test_a_small_drift_is_seen_by_the_sums_before_single_lots() -> None:
    limits = frozen(good(40))
    sigma = limits.quantities[0].sigma
    shifted = [limits.quantities[0].centre + 1.2 * sigma] * 14
    (found,) = watch(limits, names(14), {"doubling_time_h": shifted})
    rules = {v.rule for v in found.violations}
    assert "CUSUM" in rules
    assert "EWMA" in rules
    assert "WE1" not in rules


def test_unknown_lots_are_named_and_break_nothing() -> None:
    limits = frozen(good())
    (found,) = watch(limits, names(3), {"doubling_time_h": [32.0, None, 32.1], "other": [1, 2, 3]})
    assert found.unknown == ("L1",)
    assert len(found.lots) == 2
    assert watch(limits, names(1), {"other": [1.0]}) == []


def test_what_is_not_frozen() -> None:
    values = good(20)
    asked = DriftSettings()
    with pytest.raises(InputError, match="7 lots are too few"):
        frozen(values[:7])
    with pytest.raises(InputError, match="all lots are the same"):
        frozen([1.0] * 10)
    with pytest.raises(InputError, match=r"lot L20 \(60\) is beyond 3 sigma"):
        frozen([*values, 60.0])
    kept = freeze(names(21), {"a": [*values, 60.0]}, asked, left_out={"L20": "broken incubator"})
    assert kept.left_out == {"L20": "broken incubator"}
    assert "L20" not in kept.lots
    with pytest.raises(InputError, match="without a reason"):
        freeze(names(20), {"a": values}, asked, left_out={"L2": " "})
    with pytest.raises(InputError, match="lot X is left out but is not"):
        freeze(names(20), {"a": values}, asked, left_out={"X": "why"})
    with pytest.raises(InputError, match="has no logarithm"):
        frozen([0.0, *values], log_columns=["doubling_time_h"])


# Files and the command line ----------------------------------------------------------------------


def write_lots(path: Path, values: list[float], extra: str = "") -> None:
    rows = [f"L{i},2026-01-{1 + i % 28:02d}T0{i // 28}:00+01:00,{v}" for i, v in enumerate(values)]
    path.write_text("lot,at,doubling_time_h\n" + "\n".join(rows) + f"\n{extra}")


def test_freeze_then_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_lots(Path("good.csv"), good())
    assert cli(["drift", "freeze", "good.csv", "-o", "limits.yaml"]) == 0
    before = Path("limits.yaml").read_bytes()
    assert cli(["drift", "freeze", "good.csv", "-o", "limits.yaml"]) == 2
    assert Path("limits.yaml").read_bytes() == before
    write_lots(Path("calm.csv"), [32.0, 32.5, 31.5, 32.2])
    assert cli(["drift", "check", "calm.csv", "--limits", "limits.yaml", "-o", "CALM"]) == 0
    assert not Path("CALM/violations.csv").exists()
    write_lots(Path("late.csv"), [32.0, 33.0, 45.0])
    assert cli(["drift", "check", "late.csv", "--limits", "limits.yaml", "-o", "OUT"]) == 3
    stems = ("limits", "lots", "violations")
    wanted = [f"{n}.{s}" for n in stems for s in ("csv", "parquet")]
    assert sorted(p.name for p in Path("OUT").iterdir()) == sorted([*wanted, "report.html"])
    with Path("OUT/violations.csv").open(newline="") as file:
        found = {(row["lot"], row["rule"]) for row in csv.DictReader(file)}
    assert ("L2", "WE1") in found
    page = Path("OUT/report.html").read_text()
    assert "one point beyond 3 sigma" in page
    assert "Western Electric 1956" in page
    again = Path("OUT/report.html").read_bytes()
    assert cli(["drift", "check", "late.csv", "--limits", "limits.yaml", "-o", "OUT"]) == 3
    assert Path("OUT/report.html").read_bytes() == again


def test_lots_are_in_the_order_of_their_time(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(
        "lot,at,viability\nB,2026-01-02T00:00+00:00,0.9\nA,2026-01-02T00:30+01:00,0.8\nC,"
        "2026-01-03T00:00+00:00,\n"
    )
    found = read_lots(tmp_path / "l.csv")
    assert found.names == ("A", "B", "C")
    assert found.columns["viability"] == [0.8, 0.9, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column 'lot'"),
        ("lot,doubling_time\nA,3\n", "call the column 'doubling_time_h'"),
        ("lot,doubling_time_h\nA,3\nA,4\n", "lot A is in it twice"),
        ("lot,doubling_time_h\n,3\n", "line 2: names no lot"),
        ("lot,doubling_time_h\nA,slow\n", "'slow' is no number"),
        ("lot,at,doubling_time_h\nA,2026-01-01T10:00,3\n", "has no offset from UTC"),
        ("lot,at,doubling_time_h\nA,yesterday,3\n", "is no time"),
        ("lot,doubling_time_h\nA,3\nB,4\n", "2 lots are too few"),
        ("lot\nA\n", "no quantity to freeze"),
    ],
)
def test_bad_lots_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    limits = tmp_path / "limits.yaml"
    assert cli(["drift", "freeze", str(tmp_path / "bad.csv"), "-o", str(limits)]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert len(told.splitlines()) == 1
    assert not limits.exists()


def test_other_bad_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lots(Path("good.csv"), good())
    Path("s.yaml").write_text("rules: [WE9]\n")
    asked = ["drift", "freeze", "good.csv", "-o", "limits.yaml"]
    assert cli([*asked, "--settings", "s.yaml"]) == 2
    assert "rule 'WE9' is none of" in capsys.readouterr().err
    assert cli([*asked, "--columns", "viability"]) == 2
    assert "has no column 'viability'" in capsys.readouterr().err
    assert cli(asked) == 0
    Path("other.csv").write_text("lot,viability\nA,0.9\n")
    assert cli(["drift", "check", "other.csv", "--limits", "limits.yaml"]) == 2
    assert "has none of the columns" in capsys.readouterr().err


# Where lots come from ----------------------------------------------------------------------------


def vessel(name: str, lot: str | None, doubling_h: float, day: int) -> VesselHistory:
    visits = tuple(
        Acquisition(
            float(hours), n_fields=20, n_fields_ok=20, area_ratio=1.0 + hours / 1000,
            confluence=0.05 * 2 ** (hours / doubling_h), confluence_se=0.001,
            confluence_lower_bound=0.04 * 2 ** (hours / doubling_h),
        )
        for hours in range(24, 84, 6)
    )  # fmt: skip
    seeded = datetime(2026, 7, day, 9, tzinfo=UTC)
    return VesselHistory(
        Vessel(name, seeded_at=seeded, lot=lot), visits, (ViabilityCount(70.0, 0.9, 0.88),)
    )


def test_a_row_a_lot_of_vessels(tmp_path: Path) -> None:
    found = figures_of_lots(
        [vessel("V3", "B", 40, 9), vessel("V1", "A", 30, 2), vessel("V2", "A", 34, 3)], Recipe()
    )
    assert [row["lot"] for row in found] == ["A", "B"]
    assert found[0]["n_vessels"] == 2
    assert found[1]["doubling_time_h"] > found[0]["doubling_time_h"] > 25
    assert found[0]["area_ratio"] == pytest.approx(1.078)
    assert found[0]["last_density_cells_per_cm2"] is None
    (tmp_path / "lots.csv").write_bytes(lots_csv(found))
    lots = read_lots(tmp_path / "lots.csv")
    assert lots.names == ("A", "B")
    assert lots.columns["viability"] == [0.9, 0.9]
    assert lots.columns["last_density_cells_per_cm2"] == [None, None]
    with pytest.raises(InputError, match="vessel V4: names no lot"):
        figures_of_lots([vessel("V4", None, 30, 1)], Recipe())


def test_lots_of_a_study_and_image_quality_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_plate: Callable[..., object]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_plate(tmp_path / "plate", wells=("B02",), fields=2)
    for name in ("R1", "R2"):
        assert cli(["run", "plate", "-o", name, "--workers", "1"]) == 0
    assert cli(["drift", "collect", "R2", "R1", "-o", "quality.csv"]) == 0
    found = read_lots(Path("quality.csv"))
    assert sorted(found.names) == ["R1", "R2"]
    assert found.columns["evaluated_fraction"] == [1.0, 1.0]
    assert found.columns["focus_log_log_slope"][0] == found.columns["focus_log_log_slope"][1]
    assert cli(["drift", "collect", "R1", "R1", "-o", "twice.csv"]) == 2
    assert cli(["drift", "collect", "-o", "none.csv"]) == 2
    assert not Path("none.csv").exists()
    seeded = datetime(2026, 7, 1, 9, tzinfo=UTC)
    with (
        Study.create("study.db", actor="anna", at=seeded) as study,
        study.change("anna", "seeding", seeded) as change,
    ):
        change.add("lots", name="L1")
        change.add("vessels", name="V1", type="T-75", lot="L1", seeded_at=seeded)
        at = seeded + timedelta(hours=48)
        change.add("acquisitions", vessel="V1", at=at, area_ratio=1.2, n_fields=20)
    assert cli(["drift", "collect", "--study", "study.db", "-o", "lots.csv"]) == 0
    lots = read_lots(Path("lots.csv"))
    assert lots.names == ("L1",)
    assert lots.columns["area_ratio"] == [1.2]
    assert lots.columns["doubling_time_h"] == [None]
