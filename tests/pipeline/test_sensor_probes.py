"""Several probes of one quantity in a vessel: they agree, or are doubted or refused by name."""

import csv
from pathlib import Path

import numpy as np
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.errors import InputError
from monolayer.history import ReadingName
from monolayer.intake.sensor_file import read_sensors
from monolayer.sensors import QuantityLimits, SensorSeries, SensorSettings, examine, examine_all

HOURS = np.arange(0, 48, 0.5)


def settings(agree_within: float | None = 0.1, **limits: object) -> SensorSettings:
    told = {"agree_within": agree_within, "action_low": 7.0} | limits
    return SensorSettings(limits={"ph": QuantityLimits.model_validate(told)})


def probe(
    name: str, values: object, times_h: object = HOURS, quantity: ReadingName = "ph"
) -> SensorSeries:
    times = np.asarray(times_h, float)
    read = np.broadcast_to(np.asarray(values, float), times.shape).copy()
    return SensorSeries("V", quantity, times, read, np.ones(len(times), bool), name)


def test_probes_that_agree_are_the_first_one() -> None:
    rng = np.random.default_rng(0)
    first = probe("A", 7.3 + rng.normal(0, 0.01, len(HOURS)))
    second = probe("B", 7.33 + rng.normal(0, 0.01, len(HOURS) - 1), HOURS[:-1] + 0.2)
    (found,) = examine_all([first, second], settings())
    alone = examine(first, settings())
    assert np.array_equal(found.believed, alone.believed)
    assert (found.faults, found.gaps, found.excursions) == (alone.faults, alone.gaps, ())
    assert [other.series.probe for other in found.others] == ["B"]


def test_where_they_differ_neither_is_believed_and_the_fault_says_when() -> None:
    drifted = np.where(HOURS >= 24, 6.9, 7.3)
    (found,) = examine_all([probe("A", drifted), probe("B", 7.3)], settings())
    assert np.array_equal(found.believed, HOURS < 24)
    (fault,) = found.faults
    assert (fault.kind, fault.since_h, fault.ended_h, fault.n) == ("probes_disagree", 24, None, 48)
    # What a contradicted probe reads is no excursion: nothing says that it is right.
    assert found.excursions == ()
    assert len(examine(probe("A", drifted), settings()).excursions) == 1


def test_the_difference_itself_is_the_limit_and_order_does_not_hide_it() -> None:
    for pair in (("A", 7.3, "B", 7.4), ("A", 7.4, "B", 7.3)):
        group = [probe(pair[0], pair[1]), probe(pair[2], pair[3])]
        assert examine_all(group, settings(0.11))[0].faults == ()
        assert examine_all(group, settings(0.09))[0].faults[0].n == len(HOURS)


def test_nothing_is_held_against_a_gap_an_exchange_or_what_is_not_believed() -> None:
    sparse = probe("B", [7.3, 8.0, 8.0, 7.3], [0, 10, 30, 47.5])
    (found,) = examine_all([probe("A", 7.3), sparse], settings(max_rate_per_h=None))
    doubted = found.series.times_h[~found.believed]
    assert doubted.tolist() == [10, 30]  # only where B was read itself: its gaps are wider than 2 h
    jumped = probe("B", [7.3, 7.3, 8.0, 8.0], [0, 1, 2, 3])
    steady = probe("A", [7.3, 7.3, 7.3, 8.0], [0, 1, 1.5, 2])
    (found,) = examine_all([steady, jumped], settings(), {"V": [1.7]})
    assert found.faults == ()
    broken = probe("B", 20.0)
    (found,) = examine_all([probe("A", 7.3), broken], settings(sensor_high=14.0))
    assert found.believed.all()
    assert found.others[0].faults[0].kind == "out_of_range"


def test_what_cannot_be_held_against_each_other_is_refused_by_name() -> None:
    pair = [probe("A", 7.3), probe("B", 7.3)]
    with pytest.raises(InputError, match=r"probes 'A' and 'B', and .*limits\.ph\.agree_within"):
        examine_all(pair, settings(None))
    with pytest.raises(InputError, match="agree_within"):
        examine_all(pair, SensorSettings(limits={}))
    later = probe("B", 7.3, HOURS + 100)
    with pytest.raises(InputError, match="'A' and 'B', and they are never read at one time"):
        examine_all([probe("A", 7.3), later], settings())


def test_other_vessels_and_quantities_are_no_second_probe() -> None:
    other = SensorSeries("W", "ph", HOURS, np.full(len(HOURS), 7.0), np.ones(len(HOURS), bool))
    warm = probe("", 37.0, quantity="temperature_c")
    found = examine_all([probe("", 7.3), other, warm], settings(None))
    assert [each.name for each in found] == [("V", "ph"), ("W", "ph"), ("V", "temperature_c")]


# Files -------------------------------------------------------------------------------------------


def test_probes_in_a_long_table_and_as_nodes(tmp_path: Path) -> None:
    lines = [f"V,{t},pH,{p},{v}" for t in (0, 1, 2) for p, v in (("A", 7.3), ("B", 7.31))]
    (tmp_path / "long.csv").write_text("\n".join(["vessel,time_h,quantity,probe,value", *lines]))
    assert [each.probe for each in read_sensors(tmp_path / "long.csv")] == ["A", "B"]
    (tmp_path / "one.csv").write_text("vessel,time_h,quantity,value\nV,0,pH,7.3\nV,0,pH,7.4\n")
    with pytest.raises(InputError, match="tell two probes apart by a column 'probe'"):
        read_sensors(tmp_path / "one.csv")
    (tmp_path / "nodes.yaml").write_text(
        "nodes:\n  n1: {vessel: V, quantity: pH}\n  n2: {vessel: V, quantity: pH, probe: back}\n"
        "  n3: {vessel: V, quantity: temperature, unit: degC}\n"
    )
    stamps = [f"{n},2026-11-10T{h:02}:00:00Z,{v},Good,2026-11-10T00:00:00Z"
              for n, v in (("n1", 7.3), ("n2", 7.3), ("n3", 37)) for h in (1, 2)]  # fmt: skip
    (tmp_path / "opc.csv").write_text(
        "\n".join(["NodeId,SourceTimestamp,Value,StatusCode,seeded_at", *stamps])
    )
    found = read_sensors(tmp_path / "opc.csv", nodes=tmp_path / "nodes.yaml")
    assert [each.probe for each in found] == ["n1", "back", ""]
    (tmp_path / "nodes.yaml").write_text("nodes:\n  n1: {vessel: V, quantity: pH, prob: A}\n")
    with pytest.raises(InputError, match="unknown key 'prob'"):
        read_sensors(tmp_path / "opc.csv", nodes=tmp_path / "nodes.yaml")


def test_a_server_s_time_is_no_time_of_a_reading(tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text("nodes:\n  n1: {vessel: V, quantity: pH}\n")
    (tmp_path / "opc.csv").write_text(
        "NodeId,SourceTimestamp,ServerTimestamp,Value,StatusCode,seeded_at\n"
        "n1,,2026-11-10T09:00:00Z,7.3,Good,2026-11-10T00:00:00Z\n"
    )
    with pytest.raises(InputError, match="line 2: has no SourceTimestamp; the server's time"):
        read_sensors(tmp_path / "opc.csv", nodes=tmp_path / "nodes.yaml")


def test_the_verb_shows_both_and_counts_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"V,{t},pH,{p},{v}" for t in range(6)
             for p, v in (("A", 7.3), ("B", 7.3 if t < 4 else 7.0))]  # fmt: skip
    Path("r.csv").write_text("\n".join(["vessel,time_h,quantity,probe,value", *lines]))
    assert cli(["sensors", "r.csv"]) == 2
    assert "agree_within" in capsys.readouterr().err
    Path("recipe.yaml").write_text("sensors: {limits: {ph: {agree_within: 0.1}}}\n")
    assert cli(["sensors", "r.csv", "--recipe", "recipe.yaml", "-o", "OUT"]) == 0
    told = capsys.readouterr().out
    assert "'A' counts, held against 'B' within 0.1" in told
    assert "FAULT probes_disagree from 4.0 h still" in told
    with Path("OUT/readings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["probe"] for row in rows] == ["A"] * 6 + ["B"] * 6
    assert [row["believed"] for row in rows[:6]] == ["true"] * 4 + ["false"] * 2
    assert "Of several probes" in Path("OUT/report.html").read_text()
