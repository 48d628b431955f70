"""The pages docs/sensors.md and docs/metabolism.md: what they show runs."""

from pathlib import Path

import pytest
from tests.pipeline.test_growth_docs import blocks, commands

from monolayer.cli import _exit_code as cli
from monolayer.intake.sensor_file import read_sensors
from monolayer.recipe import load_recipe


def test_commands_of_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (table,) = blocks("sensors.md", "csv")
    (history,) = blocks("decisions.md", "yaml")
    (tmp_path / "readings.csv").write_text(table, encoding="utf-8")
    (tmp_path / "vessels.yaml").write_text(history, encoding="utf-8")
    assert [cli(command) for command in commands("sensors.md")] == [0, 0, 0]
    assert (tmp_path / "SENSORS" / "report.html").is_file()


def test_nodes_of_sensors(tmp_path: Path) -> None:
    (nodes,) = blocks("sensors.md", "yaml")
    (tmp_path / "nodes.yaml").write_text(nodes, encoding="utf-8")
    export = tmp_path / "export.csv"
    export.write_text(
        "NodeId,SourceTimestamp,Value,StatusCode,seeded_at\n"
        "ns=2;s=BR1.pH,2026-11-10T08:00:00Z,7.4,Good,2026-11-10T07:00:00Z\n"
        "ns=2;s=BR1.Door,2026-11-10T08:00:00Z,1,Good,2026-11-10T07:00:00Z\n",
        encoding="utf-8",
    )
    (found,) = read_sensors(export, nodes=tmp_path / "nodes.yaml")
    assert (found.vessel, found.quantity, found.times_h.tolist()) == ("V-017", "ph", [1.0])


def test_commands_of_metabolism(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    history, recipe = blocks("metabolism.md", "yaml")
    (table,) = blocks("metabolism.md", "csv")
    for name, text in (("culture.yaml", history), ("process.yaml", recipe), ("samples.csv", table)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [cli(command) for command in commands("metabolism.md")] == [0]
    assert "the sources" not in capsys.readouterr().err
    assert load_recipe(tmp_path / "process.yaml").metabolism.glucose_rate_of_process == 10
    assert (tmp_path / "METABOLISM" / "fluxes-V-017.json").is_file()


def test_python_of_metabolism_runs() -> None:
    (block,) = blocks("metabolism.md", "python")
    names: dict[str, object] = {}
    exec(block, names)
    assert getattr(names["found"], "consistent", None) is True


def test_limits_of_the_recipe_are_a_line_a_quantity(tmp_path: Path) -> None:
    """What `init --recipe` writes is read again, and no quantity's limits are lost."""
    path = tmp_path / "recipe.yaml"
    assert cli(["init", "--recipe", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert "    temperature_c: {" in text
    assert load_recipe(path) == load_recipe(None)


def test_vessels_of_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Imported by the study's own verbs; seeding time, counts and exchanges come out of it."""
    monkeypatch.chdir(tmp_path)
    texts = {
        "vessels.csv": "name,type,seeded_at,passage,cells_seeded,medium_volume_ml\n"
        "V-017,T-75,2026-11-10T08:00+01:00,2,1e6,20\n",
        "acquisitions.csv": "vessel,time_h,density_cells_per_cm2,density_se\n"
        "V-017,1,13400,600\nV-017,48,26667,1200\n",
        "samples.csv": "time,glucose [mmol/L]\n"
        "2026-11-10T08:00:00+01:00,5.5\n2026-11-12T08:00:00+01:00,4.0\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert cli(["study", "init", "study.db", "--as", "anna"]) == 0
    tables = ["vessels.csv", "acquisitions.csv"]
    assert cli(["study", "import", "study.db", *tables, "--as", "anna", "--reason", "x"]) == 0
    capsys.readouterr()
    study = ["--study", "study.db"]
    assert cli(["metabolism", *study, "--samples", "samples.csv"]) == 0
    assert "glucose 0 to 48 h: 10.4 pmol per cell and day" in capsys.readouterr().out
    assert cli(["sensors", "samples.csv", *study, "--vessel", "V-017"]) == 0
    assert "V-017, glucose: 2 readings, 0.0 to 48.0 h" in capsys.readouterr().out
