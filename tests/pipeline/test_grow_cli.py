"""``monolayer grow``: tables as people write them, complaints by line, data of others."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.grow import log_linear_rate
from monolayer.intake.growth_table import read_growth_table

HOURS = range(24, 69, 4)


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def rows_of(vessel: str, factor: float = 1.0) -> list[str]:
    scatter = np.random.default_rng(2).normal(0, 0.03, len(HOURS))
    shares = 1 - np.exp(-0.12 * np.exp(0.0216 * np.array(HOURS) + scatter))
    return [f"{vessel},{t},{factor * c:.5f}" for t, c in zip(HOURS, shares, strict=True)]


def test_prints_rate_law_and_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write(tmp_path / "t.csv", "vessel,time_h,confluence", rows_of("V-017"))
    assert cli(["grow", str(table), "--bootstrap", "40"]) == 0
    said = capsys.readouterr().out
    assert "V-017: 12 of 12 measurements used, 24 to 68 h" in said
    assert "doubling time 3" in said
    assert "crosses 80% between" in said
    assert "(95% prediction" in said
    assert "bootstrap of 40" in said


def test_percent_and_dates_are_the_same_culture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = write(tmp_path / "a.csv", "vessel,time_h,confluence", rows_of("V"))
    dated = []
    for row in rows_of("V", 100):
        vessel, hours, share = row.split(",")
        day, hour = divmod(int(hours) + 2, 24)
        dated.append(f"{vessel},2026-11-{10 + day}T{hour:02d}:00+01:00,2026-11-10T01:00Z,{share}")
    other = write(tmp_path / "b.csv", "vessel,time,seeded_at,confluence_percent", dated)
    found = []
    for table in (plain, other):
        assert cli(["grow", str(table), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["vessels"][0])
    assert found[1]["first_h"] == 24
    assert found[1]["rate"]["rate_per_h"] == pytest.approx(found[0]["rate"]["rate_per_h"], rel=1e-3)
    assert found[0]["crossing"]["prediction_low_h"] < found[0]["crossing"]["time_h"]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_tables_of_spreadsheets_are_the_same(tmp_path: Path, mark: str) -> None:
    lines = ["vessel,time_h,confluence", *rows_of("V")]
    plain = write(tmp_path / "a.csv", lines[0], lines[1:])
    other = tmp_path / "b.csv"
    other.write_bytes("\r\n".join(lines).replace(",", mark).encode("utf-8-sig"))
    (one,), (same,) = read_growth_table(plain), read_growth_table(other)
    assert same.vessel == one.vessel
    np.testing.assert_array_equal(same.times_h, one.times_h)
    np.testing.assert_array_equal(same.values, one.values)


def test_sd_and_n_become_the_standard_error(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.csv",
        "vessel,time_h,density_cells_per_cm2,sd,n",
        ["A,24,4000,400,16", "A,48,7000,700,4", "A,72,,1,1", "B,24,10,,"],
    )
    first, second = read_growth_table(table)
    assert first.se is not None
    assert first.se.tolist() == [100, 350]  # the empty value is left out, not 0
    assert second.se is None


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("vessel,time_h,confluence", ["A,0,0.1", "A,24,-0.2"], "line 3: confluence -0.2"),
        ("vessel,time_h,confluence", ["A,0,45"], "line 2: confluence 45 is impossible"),
        ("vessel,time_h,density_cells_per_cm2", ["A,0,-4"], "-4 is impossible; it is 0 or more"),
        ("vessel,time_h,confluence", ["A,24,0.1", "A,12,0.2"], "line 3: time runs backwards"),
        ("vessel,time_h,confluence", ["A,24,0.1", "A,24,0.2"], "in line 2 already"),
        ("vessel,time_h,confluence", ["A,-3,0.1"], "line 2: -3 h is before seeding"),
        ("vessel,time_h,confluence", ["A,x,0.1"], "line 2: time_h 'x' is no number"),
        ("vessel,time_h,confluence", ['A,4,"0,1"'], "'0,1' is no number; write a point for the"),
        ("vessel;time_h;confluence", ["A;4;0,1"], "'0,1' is no number; write a point for the"),
        ("vessel,time_h,confluence", [",4,0.1"], "line 2: names no vessel"),
        ("vessel,time_h,confluence", [], "holds no measurement"),
        ("vessel,time_h,density", ["A,1,5"], "'density' has no unit"),
        ("vessel,time_h,other", ["A,1,5"], "has no values"),
        ("vessel,time,confluence", ["A,1,5"], "has no column 'time_h'"),
        ("name,time_h,confluence", ["A,1,5"], "has no column 'vessel'"),
        ("vessel,time_h,confluence,confluence_percent", ["A,1,.5,50"], "keep the one"),
        ("vessel,time,seeded_at,confluence", ["A,2026-11-10T01:00,2026-11-09T01:00Z,.5"], "offset"),
        ("vessel,time,seeded_at,confluence", ["A,noon,2026-11-09T01:00Z,.5"], "'noon' is no time"),
        ("vessel,time_h,confluence,se", ["A,1,.5,-1"], "se -1 is negative"),
        ("vessel,time_h,confluence,sd,n", ["A,1,.5,1,0"], "n 0 is no number of fields"),
    ],
)
def test_bad_tables_are_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    header: str,
    rows: list[str],
    said: str,
) -> None:
    table = write(tmp_path / "t.csv", header, rows)
    assert cli(["grow", str(table)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert str(table) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target", "80"], "--target 80 is no confluence"),
        (["--attachment-h", "-2"], "--attachment-h -2"),
        (["--recipe", "none.yaml"], "none.yaml: cannot be read"),
    ],
)
def test_bad_options_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    table = write(tmp_path / "t.csv", "vessel,time_h,confluence", rows_of("V"))
    assert cli(["grow", str(table), *options]) == 2
    assert said in capsys.readouterr().err


def test_reading_settings_waits_for_no_scipy() -> None:
    code = (
        "import sys, monolayer.recipe, monolayer.grow, monolayer.decide\n"
        "sys.exit(', '.join(sorted({'numpy', 'scipy'} & set(sys.modules))) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.data
def test_rates_of_64_published_growth_curves(data_folder: Path) -> None:
    """Against the authors' own rates of the same counts (lung fibroblasts and others).

    They fitted the counts, not their logarithms, in which the last and largest count most; the
    line through ln N weighs all alike. The two agree to r = 0.99, and differ by 0.0013 per h.
    """
    tables = data_folder / "tables"
    with (tables / "growth_rates_oldham_reference.csv").open(newline="") as file:
        theirs = {row["curve_id"]: float(row["mu"]) for row in csv.DictReader(file)}
    points: dict[str, list[tuple[float, float]]] = {}
    with (tables / "growth_counts_oldham.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            pair = float(row["time"]), float(np.log(float(row["cell_count"])))
            points.setdefault(row["curve_id"], []).append(pair)
    ours = {}
    for curve, pairs in points.items():
        times, logs = zip(*pairs, strict=True)
        ours[curve] = log_linear_rate(times, logs).rate_per_h
    both = np.array([(ours[curve], theirs[curve]) for curve in theirs])
    assert len(both) == 64
    assert np.corrcoef(both.T)[0, 1] >= 0.97
    assert np.median(np.abs(both[:, 0] - both[:, 1])) < 0.002
