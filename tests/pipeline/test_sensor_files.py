"""Sensors' files: three layouts give the same series; bad ones give one sentence and nothing."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.errors import InputError
from monolayer.history import ReadingName
from monolayer.intake.history_file import read_histories, write_histories
from monolayer.intake.sensor_file import read_sensors
from monolayer.intake.sensor_units import conversion
from monolayer.sensors import SensorSeries

SEEDED = {"V": datetime.fromisoformat("2026-11-10T08:00:00+01:00")}
LONG = """vessel,time,quantity,value,unit
V,2026-11-10T08:00:00+01:00,pH,7.4,
V,2026-11-10T08:00:00+01:00,temperature,98.6,°F
V,2026-11-10T08:00:00Z,pH,7.3,pH
V,2026-11-10T03:00:00-05:00,temperature,310.15,K
V,2026-11-10T09:00:00+01:00,glucose,99.0858,mg/dL
"""
WIDE = """vessel;time_h;pH;temperature [degC];glucose_mmol_per_l
V;0;7.4;37;
V;1;7.3;37;5.5
"""
OPC = """NodeId,SourceTimestamp,ServerTimestamp,Value,StatusCode
ns=2;s=A,2026-11-10T07:00:00.0000000Z,2026-11-10T07:00:01Z,7.4,Good
ns=2;s=B,2026-11-10T07:00:00.1234567Z,2026-11-10T07:00:01Z,37.0,0x00000000
ns=2;s=X,2026-11-10T07:00:00Z,2026-11-10T07:00:01Z,1,Good
ns=2;s=A,2026-11-10T08:00:00Z,2026-11-10T08:00:01Z,,BadSensorFailure
ns=2;s=A,2026-11-10T09:00:00Z,2026-11-10T09:00:01Z,7.2,1073741824
ns=2;s=A,2026-11-10T10:00:00Z,2026-11-10T10:00:01Z,7.1,
"""
NODES = """nodes:
  "ns=2;s=A": {vessel: V, quantity: pH}
  "ns=2;s=B": {vessel: V, quantity: temperature, unit: degC}
ignore: ["ns=2;s=X"]
"""


def written(folder: Path, text: str, name: str = "sensors.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def by_quantity(found: list[SensorSeries]) -> dict[str, SensorSeries]:
    return {each.quantity: each for each in found}


def test_long_tables_with_units_and_zones(tmp_path: Path) -> None:
    text = LONG.replace("310.15,K", "98.6,°F")
    found = by_quantity(read_sensors(written(tmp_path, text), seeded=SEEDED))
    assert found["ph"].times_h.tolist() == [0, 1]
    assert found["ph"].values.tolist() == [7.4, 7.3]
    np.testing.assert_allclose(found["temperature_c"].values, [37, 37], rtol=1e-9)
    np.testing.assert_allclose(found["glucose_mmol_per_l"].values, [5.5], rtol=1e-9)


def test_wide_tables(tmp_path: Path) -> None:
    found = by_quantity(read_sensors(written(tmp_path, WIDE)))
    assert found["ph"].values.tolist() == [7.4, 7.3]
    assert found["temperature_c"].values.tolist() == [37, 37]
    assert found["glucose_mmol_per_l"].times_h.tolist() == [1]  # empty is unknown, not 0


def test_opc_ua_exports(tmp_path: Path) -> None:
    nodes = written(tmp_path, NODES, "nodes.yaml")
    found = by_quantity(read_sensors(written(tmp_path, OPC), nodes=nodes, seeded=SEEDED))
    ph = found["ph"]
    assert ph.times_h.tolist() == [0, 1, 2, 3]
    assert ph.good.tolist() == [True, False, False, True]  # uncertain is not good
    assert np.isnan(ph.values[1:3]).all()
    assert found["temperature_c"].times_h[0] == pytest.approx(0.123456 / 3600, abs=1e-9)


@pytest.mark.parametrize(
    ("quantity", "unit", "factor", "offset"),
    [
        ("glucose_mmol_per_l", "g/L", 1000 / 180.156, 0),
        ("glucose_mmol_per_l", "mg/dL", 10 / 180.156, 0),
        ("glucose_mmol_per_l", "mM", 1, 0),
        ("lactate_mmol_per_l", "mg/mL", 1000 / 89.07, 0),
        ("ammonium_mmol_per_l", "µmol/L", 0.001, 0),
        ("temperature_c", "C", 1, 0),
        ("temperature_c", "K", 1, -273.15),
        ("temperature_c", "°F", 5 / 9, -160 / 9),
        ("pco2_mmhg", "kPa", 1 / 0.133322387415, 0),
        ("pco2_mmhg", "mbar", 0.1 / 0.133322387415, 0),
        ("dissolved_oxygen_percent", "%", 1, 0),
        ("capacitance_pf_per_cm", "pF/cm", 1, 0),
        ("capacitance_pf_per_cm", "nF/m", 10, 0),
        ("ph", "", 1, 0),
    ],
)
def test_units(quantity: ReadingName, unit: str, factor: float, offset: float) -> None:
    found = conversion(quantity, unit)
    assert list(found) == pytest.approx([factor, offset], rel=1e-8, abs=1e-8)


HEAD = "vessel,time_h,quantity,value,unit\n"
BAD = {
    "missing unit": (HEAD + "V,0,glucose,5.5,\n", "line 2: glucose has no unit"),
    "unknown unit": (HEAD + "V,0,glucose,5.5,quux\n", "line 2: .*'quux': no known unit"),
    "wrong unit": (HEAD + "V,0,glucose,5.5,kPa\n", "line 2: .*measures something else"),
    "oxygen by mass": (HEAD + "V,0,DO,7,mg/L\n", "line 2: .*% of air saturation"),
    "mixed units": (
        HEAD + "V,0,glucose,5.5,mM\nV,1,glucose,0.9,g/L\n",
        "line 3: .*in g/L, and in mM in line 2",
    ),
    "naive time": (
        "vessel,time,pH\nV,2026-11-10T08:00:00,7.4\n",
        "line 2: time .* no offset from UTC",
    ),
    "no time": ("vessel,time,pH\nV,yesterday,7.4\n", "line 2: time 'yesterday' is no time"),
    "before seeding": (
        "vessel,time,pH\nV,2026-11-09T08:00:00Z,7.4\n",
        "line 2: is 23 h before vessel V was seeded",
    ),
    "no seeding": (
        "vessel,time,pH\nW,2026-11-10T08:00:00Z,7.4\n",
        "line 2: .*vessel W has no seeded_at",
    ),
    "twice": (HEAD + "V,1,pH,7.4,\nV,1,pH,7.4,\n", "line 3: .*read at 1 h in line 2 already"),
    "twice in two zones": (
        "vessel,time,pH\nV,2026-11-10T09:00:00+01:00,7.4\nV,2026-11-10T08:00:00Z,7.4\n",
        "line 3: .*in line 2 already",
    ),
    "backwards": (HEAD + "V,2,pH,7.4,\nV,1,pH,7.4,\n", "line 3: .*runs backwards from 2 h"),
    "negative": (HEAD + "V,0,lactate,-0.2,mM\n", "line 2: lactate -0.2 is impossible"),
    "no number": (HEAD + 'V,0,pH,"7,4",\n', "line 2: pH '7,4' is no number; write a decimal point"),
    "NaN": (HEAD + "V,0,pH,nan,\n", "line 2: pH 'nan' is no number"),
    "unknown quantity": (HEAD + "V,0,turbidity,1,\n", "line 2: quantity 'turbidity' is not known"),
    "no vessel": (HEAD + ",0,pH,7.4,\n", "line 2: names no vessel"),
    "no quantity": ("vessel,time_h,note\nV,0,x\n", "line 1: names no quantity"),
    "two columns of one quantity": (
        "vessel,time_h,glucose [mM],glc [g/L]\nV,0,1,2\n",
        "line 1: .* are the same quantity",
    ),
    "column without unit": ("vessel,time_h,glucose\nV,0,1\n", "line 2: glucose has no unit"),
    "status": (
        "vessel,time_h,quantity,value,status\nV,0,pH,7.4,fine\n",
        "line 2: status 'fine' is none",
    ),
    "empty": ("", "is empty"),
    "header only": (HEAD, "holds no reading"),
    "node nobody named": (OPC, "line 2: nothing is told of node 'ns=2;s=A'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_give_one_sentence_and_nothing_else(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, said = BAD[case]
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=said) as error:
        read_sensors(path, seeded=SEEDED)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")
    history = written(
        tmp_path,
        "vessel: {name: V, seeded_at: 2026-11-10T08:00:00+01:00}\n",
        "history.yaml",
    )
    command = ["sensors", str(path), "--history", str(history), "-o", str(tmp_path / "out")]
    assert cli(command) == 2
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ("nodes: {A: {quantity: ph}}", "give it 'vessel'"),
        ("nodes: {A: {vessel: V, quantity: fog}}", "'fog' is not known"),
        ("points: {}", "unknown key 'points'"),
    ],
)
def test_bad_node_files(nodes: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        read_sensors(written(tmp_path, OPC), nodes=written(tmp_path, nodes, "nodes.yaml"))


def test_the_command_writes_a_page_tables_and_a_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"V,{n / 4},{7.8 if 40 <= n < 60 else 7.3 + n % 3 / 100}" for n in range(120)]
    path = written(tmp_path, "vessel,time_h,pH\n" + "\n".join(rows) + "\n")
    history = written(
        tmp_path,
        "vessel: {name: V, seeded_at: 2026-11-10T08:00:00+01:00}\n"
        "acquisitions: [{time_h: 24, confluence: 0.5}]\n",
        "history.yaml",
    )
    out = tmp_path / "out"
    command = ["sensors", str(path), "--history", str(history), "-o", str(out)]
    assert cli(command) == 0
    assert "ACTION high 7.6 left at" in capsys.readouterr().out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.index("<svg") < page.index("Excursions")
    import pyarrow.parquet as pq

    readings = pq.read_table(out / "readings.parquet").to_pylist()
    assert len(readings) == 120
    assert (readings[4]["time_utc"].hour, readings[4]["local_offset_minutes"]) == (8, 60)
    assert [row["level"] for row in pq.read_table(out / "excursions.parquet").to_pylist()] == [
        "alert",
        "action",
    ]
    assert (out / "aligned.csv").read_text(encoding="utf-8").count("\n") == 2
    (told,) = read_histories(out / "history.yaml")
    assert {event.kind for event in told.sensor_events} >= {"action", "alert"}
    first = {each.name: each.read_bytes() for each in out.iterdir()}
    assert cli(command) == 0
    assert {each.name: each.read_bytes() for each in out.iterdir()} == first
    capsys.readouterr()
    assert cli(["decide", str(out / "history.yaml"), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    (rule,) = [each for each in answer["verdicts"] if each["rule"] == "sensors"]
    assert rule["code"] == "SENSOR_EXCURSION"


def test_tables_of_an_earlier_call_do_not_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for values in ((7.3, 7.8, 7.31), (7.3, 7.31, 7.32)):
        rows = "".join(f"V,{n},{value}\n" for n, value in enumerate(values))
        path = written(tmp_path, "vessel,time_h,pH\n" + rows)
        assert cli(["sensors", str(path), "-o", str(out)]) == 0
        had = (out / "excursions.csv").exists()
    assert not had
    assert (out / "readings.csv").exists()


def test_histories_come_back_as_they_were(tmp_path: Path) -> None:
    from tests.pipeline.vessel_histories import ready

    path = tmp_path / "history.yaml"
    write_histories(path, [ready(viability=(182, 200))])
    assert read_histories(path) == [ready(viability=(182, 200))]


def test_a_sensor_without_limits_is_not_within_them(tmp_path: Path) -> None:
    recipe = written(tmp_path, "sensors: {limits: {ph: {action_high: 7.6}}}\n", "recipe.yaml")
    for header, said in (("pH", "within all limits"), ("DO [%]", "not every sensor has limits")):
        path = written(tmp_path, f"vessel,time_h,{header}\nV,0,7.3\nV,1,7.31\n")
        out = tmp_path / "out"
        assert cli(["sensors", str(path), "--recipe", str(recipe), "-o", str(out)]) == 0
        assert said in (out / "report.html").read_text(encoding="utf-8")
