"""A run's folder into a study: each field has its vessel, each figure its method."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.errors import InputError, RunFolderError
from monolayer.results import open_run
from monolayer.study import Study
from monolayer.study.run_import import import_run
from monolayer.study.visits import Visit, read_visits

from ..pipeline.conftest import WritePlate, write_plate  # noqa: TID252  plates have one home
from .conftest import SEEDED

__all__ = ["write_plate"]
PER_FIELD = {"height_px": 1000, "width_px": 1000, "pixel_size_um": 1.0}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    """A real run of two wells of four fields."""
    folder = tmp_path_factory.mktemp("run")
    write_plate(folder / "images", fields=4)
    assert cli(["run", str(folder / "images"), "-o", str(folder / "RUN"), "--workers", "1"]) == 0
    return folder / "RUN"


def made_up(run_folder: Path, folder: Path, rows: Sequence[dict[str, Any]], **record: Any) -> Path:
    """A run's folder with a fields table of one's own."""
    folder.mkdir()
    written = json.loads((run_folder / "run.json").read_text()) | record
    (folder / "run.json").write_text(json.dumps(written))
    whole = [
        {"field_id": f"P1/A01/{n}", "plate": "P1", "well": "A01", "time": None, "state": "ok"}
        | {"image_sha256": f"{n:064}", **PER_FIELD, **row}
        for n, row in enumerate(rows, 1)
    ]
    pq.write_table(pa.Table.from_pylist(whole), folder / "fields.parquet")
    return folder


def test_a_real_run_becomes_visits_of_two_vessels(sqlite_study: Study, run_folder: Path) -> None:
    with sqlite_study.change("anna", "seeding") as change:
        change.add("vessels", name="W-3", type="96-well", lot="L1", seeded_at=SEEDED)
    with sqlite_study.change("anna", "import") as change:
        visits = [Visit("V-017", time_h=48, well="B02"), Visit("W-3", time_h=48, well="B03")]
        import_run(change, run_folder, visits)
    run = open_run(run_folder)
    wells = {row["well"]: row for row in run.wells.arrow().to_pylist()}
    for name, well in (("V-017", "B02"), ("W-3", "B03")):
        (visit,) = sqlite_study.history(name).acquisitions
        assert (visit.time_h, visit.n_fields, visit.n_fields_ok) == (48, 4, 4)
        assert visit.density_cells_per_cm2 == pytest.approx(wells[well]["density_cells_per_cm2"])
        assert visit.confluence is None
        (row,) = sqlite_study.rows("acquisitions", vessel=name)
        assert row["method_sha256"] == run.record["method_sha256"]
        assert row["rollup"]["density_cells_per_cm2"]["dispersion_p"] is not None
    (stored,) = sqlite_study.rows("runs")
    assert stored["folder"] == str(run_folder)
    assert stored["assay"] == "nuclei"


def test_confluence_is_rolled_up_with_what_is_assumed(
    sqlite_study: Study, run_folder: Path, tmp_path: Path
) -> None:
    # W20 of the domain's worked examples, and one field that could not be judged.
    values = (62, 70, 75, 58, 68, 72, 80, 65, 71, 69)
    rows: list[dict[str, Any]] = [{"confluence": value / 100} for value in values]
    rows.append({"confluence": None, "state": "not_evaluable"})
    folder = made_up(run_folder, tmp_path / "RUN", rows)
    with sqlite_study.change("anna", "import") as change:
        import_run(change, folder, [Visit("V-017", time_h=60)])
    (visit,) = sqlite_study.history("V-017").acquisitions
    assert (visit.n_fields, visit.n_fields_ok) == (11, 10)
    assert visit.confluence == pytest.approx(0.69)
    assert visit.confluence_lower_bound == pytest.approx(0.6534397, abs=2e-5)
    assert visit.confluence_field_cv == pytest.approx(0.06306963 / 0.69)
    rollup = sqlite_study.rows("acquisitions")[0]["rollup"]["confluence"]
    assert rollup["vessel"]["assumption"] == (
        "one layer seen; the other 9 are as it is (lowest layer, validated)"
    )
    # 636 cm2 a layer, 0.01 cm2 a field.
    assert rollup["layers"]["1"]["population"] == pytest.approx(63600)


def test_a_new_method_supersedes_and_the_old_figures_stay(
    study: Study, run_folder: Path, tmp_path: Path
) -> None:
    first = made_up(run_folder, tmp_path / "ONE", [{"confluence": c} for c in (0.5, 0.6)])
    again = made_up(
        run_folder,
        tmp_path / "TWO",
        [{"confluence": c} for c in (0.6, 0.7)],
        method_sha256="b" * 64,
    )
    visits = [Visit("V-017", time_h=60)]
    with study.change("anna", "import") as change:
        import_run(change, first, visits)
    with pytest.raises(InputError, match="supersede"), study.change("anna", "x") as change:
        import_run(change, again, visits)
    with study.change("anna", "method 2") as change:
        import_run(change, again, visits, supersede=True)
    (visit,) = study.history("V-017").acquisitions
    assert visit.confluence == pytest.approx(0.65)
    old, new = study.rows("acquisitions")
    assert old["confluence"] == pytest.approx(0.55)
    assert "superseded_at" in old
    assert new["supersedes"] == old["id"]
    assert (old["method_sha256"], new["method_sha256"]) != (new["method_sha256"], "")
    assert new["method_sha256"] == "b" * 64
    actions = [entry["action"] for entry in study.entries() if entry["reason"] == "method 2"]
    assert actions == ["add", "supersede", "add"]
    with pytest.raises(InputError, match="this very run"), study.change("anna", "x") as change:
        import_run(change, again, visits, supersede=True)


def test_stained_cells_become_viability(
    sqlite_study: Study, run_folder: Path, tmp_path: Path
) -> None:
    rows = [{"n_live": live, "n_dead": 50 - live} for live in (46, 45, 46, 45)]
    method = json.loads((run_folder / "run.json").read_text())["method"] | {"assay": "viability"}
    folder = made_up(run_folder, tmp_path / "RUN", rows, method=method)
    with sqlite_study.change("anna", "import") as change:
        import_run(change, folder, [Visit("V-017", time_h=60)])
    (count,) = sqlite_study.history("V-017").viabilities
    # W8 of the domain's worked examples: 182 of 200.
    assert count.viability == 0.91
    assert count.lower_bound == pytest.approx(0.869461, abs=5e-7)
    (row,) = sqlite_study.rows("viabilities")
    assert (row["live"], row["total"]) == (182, 200)
    assert row["measurand"] == "adherent fraction, in the vessel"


def test_layers_named_by_wells(sqlite_study: Study, run_folder: Path, tmp_path: Path) -> None:
    rows = [
        {"well": well, "field_id": f"P1/{well}/{n}", "confluence": value}
        for well, values in (("A01", (0.61, 0.64)), ("A02", (0.52, 0.55)))
        for n, value in enumerate(values)
    ]
    folder = made_up(run_folder, tmp_path / "RUN", rows)
    visits = tmp_path / "visits.csv"
    visits.write_text("vessel,time_h,well,layer\nV-017,60,A01,1\nV-017,60,A02,2\n")
    with sqlite_study.change("anna", "import") as change:
        import_run(change, folder, read_visits(visits))
    rollup = sqlite_study.rows("acquisitions")[0]["rollup"]["confluence"]
    assert set(rollup["layers"]) == {"1", "2"}
    assert rollup["vessel"]["mean"] == pytest.approx(0.58)


BAD = {
    "field": ([Visit("V-017", time_h=1, well="Z09")], "there are P1/A01"),
    "twice": ([Visit("V-017", time_h=1), Visit("V-017", time_h=2)], "so that each field has one"),
    "vessel": ([Visit("V-71", time_h=1)], "did you mean 'V-017'?"),
    "when": ([Visit("V-017")], "was imaged when?"),
    "early": ([Visit("V-017", time_h=-1)], "before its seeding"),
}


@pytest.mark.parametrize("case", BAD)
def test_visits_that_cannot_be(
    sqlite_study: Study, run_folder: Path, tmp_path: Path, case: str
) -> None:
    visits, said = BAD[case]
    folder = made_up(run_folder, tmp_path / "RUN", [{"confluence": 0.5}, {"confluence": 0.6}])
    before = list(sqlite_study.entries())
    with pytest.raises(InputError) as error, sqlite_study.change("anna", "x") as change:
        import_run(change, folder, visits)
    assert said in str(error.value)
    assert list(sqlite_study.entries()) == before


def test_too_many_layers(sqlite_study: Study, run_folder: Path, tmp_path: Path) -> None:
    rows = [{"well": well, "confluence": 0.5} for well in ("A01", "A02")]
    folder = made_up(run_folder, tmp_path / "RUN", rows)
    visits = [Visit("F-1", time_h=1, well=well, layer=well) for well in ("A01", "A02")]
    with pytest.raises(InputError, match="F-1"), sqlite_study.change("anna", "x") as change:  # noqa: PT012
        change.add("vessels", name="F-1", type="T-75", seeded_at=SEEDED)
        import_run(change, folder, visits)


def test_what_is_no_finished_run(sqlite_study: Study, run_folder: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "RUN"
    shutil.copytree(run_folder, unfinished)
    (unfinished / "fields.parquet").unlink()
    for folder in (tmp_path, unfinished):
        with pytest.raises(RunFolderError), sqlite_study.change("anna", "x") as change:
            import_run(change, folder, [Visit("V-017", time_h=1)])


def test_visits_tables_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    for text, said in (
        ("vessel,wells\n", "unknown column 'wells'"),
        ("vessel,at\nV-1,2026-11-13T14:00+01:00\n,2026-11-13T14:00+01:00\n", "line 3: names no"),
        ("vessel,at\nV-1,noon\n", "line 2: at 'noon' is no time"),
        ("vessel,time_h\nV-1,nan\n", "line 2: time_h 'nan' is no number"),
        ("vessel,time_h\nV-1,3,4\n", "line 2: has more cells"),
        ("vessel;time_h\n", "holds no line"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=r"visits\.csv") as error:
            read_visits(path)
        assert said in str(error.value)
