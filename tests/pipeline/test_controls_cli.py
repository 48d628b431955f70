"""From a plate with controls to a viability table: `controls`, `run`, and what each refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tifffile

import monolayer
from monolayer.cli import _exit_code
from monolayer.method import load_method

from .livedead_plate import settings_of, true_counts, write_well

DRAFT = (
    "assay: viability\nviability: {cell_channel: w1, dead_channel: w2, min_control_objects: 50}\n"
)
CONTROLS = ("--unstained", "A01", "--killed", "a3", "--single", "hoechst=A01")


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, int]]]:
    """Controls in row A, cells of 90 and 50 % viability in B01 and B02; true counts by well."""
    folder = tmp_path_factory.mktemp("plate")
    wells = {
        "A01": settings_of("hoechst_pi", viability=1.0, missing=("pi",)),
        "A02": settings_of("hoechst_pi", viability=0.0, missing=("hoechst",)),
        "A03": settings_of("hoechst_pi", viability=0.0),
        "B01": settings_of("hoechst_pi", viability=0.9),
        "B02": settings_of("hoechst_pi", viability=0.5),
    }
    truth = {}
    for k, (well, settings) in enumerate(wells.items()):
        fields = write_well(folder, well, settings, k, (1, 2) if well > "B" else (1,))
        counts = [true_counts(field) for field in fields]
        truth[well] = (sum(live for live, _ in counts), sum(dead for _, dead in counts))
    return folder, truth


@pytest.fixture(scope="module")
def method(plate: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The method that `controls` writes."""
    folder = tmp_path_factory.mktemp("method")
    (folder / "draft.yaml").write_text(DRAFT)
    draft, path = str(folder / "draft.yaml"), str(folder / "method.yaml")
    given = [*CONTROLS, "--single", "pi=A02", "--method", draft, "-o", path, "--lot", "R-17"]
    assert _exit_code(["controls", str(plate[0]), *given]) == 0
    return Path(path)


def test_the_method_holds_the_lot(method: Path) -> None:
    lot = load_method(method).viability.lot
    assert lot is not None
    assert lot.id == "R-17"
    assert lot.spillover is not None
    assert lot.spillover[0][1] == pytest.approx(0.05, abs=0.01)
    assert lot.spillover[1][0] == pytest.approx(0.2, abs=0.01)
    assert 20 < lot.dead_band[0] < lot.dead_band[1] < 300
    assert set(lot.n_objects) == {"unstained", "killed", "single_hoechst", "single_pi"}
    assert min(lot.n_objects.values()) >= 50
    assert lot.pixel_size_um == 0.65
    assert load_method(method).viability.control_wells == ("A01", "A02", "A03")


def test_a_run_with_it_finds_the_viability(
    plate: tuple[Path, dict[str, tuple[int, int]]], method: Path, tmp_path: Path
) -> None:
    folder, truth = plate
    out = tmp_path / "RUN"
    given = ["run", str(folder), "-o", str(out), "--method", str(method), "--workers", "1"]
    assert _exit_code([*given, "--select", "well=B01"]) == 0
    assert _exit_code([*given[:3], str(tmp_path / "R2"), *given[4:], "--select", "well=B02"]) == 0
    for well, run in (("B01", out), ("B02", tmp_path / "R2")):
        row = monolayer.open_run(run).wells.arrow().to_pylist()[0]
        live, dead = truth[well]
        assert row["viability"] == pytest.approx(live / (live + dead), abs=0.025)
        assert row["viability_ci_low"] < live / (live + dead) < row["viability_ci_high"]
        assert row["viability_lower_bound"] > row["viability_ci_low"]
        assert row["viability_decides"] in ("binomial", "between fields")
        assert row["control_lot"] == "R-17"
        assert row["n_live"] + row["n_dead"] == pytest.approx(live + dead, rel=0.1)  # crowded
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Adherent-fraction viability" in page
    assert "Control wells (A01, A02, A03) are left out" in page
    assert "no release viability" in page


def test_bad_fields_are_rows_with_a_reason(
    plate: tuple[Path, Any], method: Path, tmp_path: Path
) -> None:
    """One channel missing, channels of different size, channels swapped: never a number."""
    images = tmp_path / "images"
    images.mkdir()
    first, second = plate[0] / "P1_B02_s1_w1.tif", plate[0] / "P1_B02_s1_w2.tif"
    shutil.copy(first, images / "P1_B01_s1_w1.tif")
    shutil.copy(first, images / "P1_B02_s1_w1.tif")
    tifffile.imwrite(images / "P1_B02_s1_w2.tif", tifffile.imread(second)[:500])
    shutil.copy(second, images / "P1_B03_s1_w1.tif")
    shutil.copy(first, images / "P1_B03_s1_w2.tif")
    shutil.copy(first, images / "P1_B04_s1_w1.tif")
    shutil.copy(second, images / "P1_B04_s1_w2.tif")
    out = tmp_path / "RUN"
    given = ["--method", str(method), "--workers", "1", "--pixel-size-um", "0.65"]
    assert _exit_code(["run", str(images), "-o", str(out), *given]) == 3
    rows = {row["well"]: row for row in monolayer.open_run(out).fields.arrow().to_pylist()}
    assert [rows[well]["reason"] for well in sorted(rows)] == [
        "missing_channel",
        "shape_mismatch",
        "swapped_channels",
        None,
    ]
    assert "w2" in rows["B01"]["detail"]
    assert [rows[well]["viability"] is None for well in sorted(rows)] == [True, True, True, False]
    wells = {row["well"]: row for row in monolayer.open_run(out).wells.arrow().to_pylist()}
    assert wells["B03"]["viability"] is None
    assert wells["B03"]["n_fields_not_evaluable"] == 1


def test_channels_of_different_times_do_not_meet(
    plate: tuple[Path, Any], method: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for time, channel in ((1, "w1"), (2, "w2")):
        (images / f"TimePoint_{time}").mkdir()
        name = f"P1_B02_s1_{channel}.tif"
        shutil.copy(plate[0] / name, images / f"TimePoint_{time}" / name)
    given = ["--method", str(method), "--workers", "1"]
    assert _exit_code(["run", str(images), "-o", str(tmp_path / "RUN"), *given]) == 3
    rows = monolayer.open_run(tmp_path / "RUN").fields.arrow().to_pylist()
    assert [row["reason"] for row in rows] == ["missing_channel", "missing_channel"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--unstained", "A01", "--killed", "A03"), "hoechst and pi are missing"),
        (CONTROLS, "Single-stain controls of pi are missing: give --single pi=WELLS"),
        ((*CONTROLS, "--single", "pi"), "--single 'pi': give DYE=WELLS"),
        ((*CONTROLS, "--single", "dapi=A02"), "--single dapi: the dyes of hoechst_pi"),
        ((*CONTROLS, "--single", "pi=H12"), "Control well 'H12' is not among those found (A01,"),
        (
            ("--unstained", "A03", "--killed", "A03", *CONTROLS[4:], "--single", "pi=A02"),
            "Well A03 is given as unstained and as killed",
        ),
        (
            ("--unstained", "A02", "--killed", "A03", *CONTROLS[4:], "--single", "pi=A02"),
            "unstained control",
        ),
        (
            ("--unstained", "A01", "--killed", "B01", *CONTROLS[4:], "--single", "pi=A02"),
            "controls do not part by pi",
        ),
    ],
)
def test_what_controls_refuses(
    plate: tuple[Path, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    (tmp_path / "draft.yaml").write_text(DRAFT)
    out = tmp_path / "method.yaml"
    given = ["--method", str(tmp_path / "draft.yaml"), "-o", str(out)]
    assert _exit_code(["controls", str(plate[0]), *arguments, *given]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told
    assert not out.exists()


def test_a_run_without_controls_is_refused_before_anything_is_written(
    plate: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "draft.yaml").write_text(DRAFT)
    given = ["--method", str(tmp_path / "draft.yaml"), "-o", str(tmp_path / "RUN")]
    assert _exit_code(["run", str(plate[0]), *given]) == 2
    assert "viability.lot is missing" in capsys.readouterr().err
    assert not (tmp_path / "RUN").exists()


def test_a_method_is_not_written_over(
    method: Path, plate: tuple[Path, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = method.read_bytes()
    assert _exit_code(["controls", str(plate[0]), *CONTROLS, "-o", str(method)]) == 2
    assert "--force" in capsys.readouterr().err
    assert method.read_bytes() == before


def test_json_for_programs(
    plate: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "draft.yaml").write_text(DRAFT.replace("{", "{compensate: false, "))
    given = ["--method", str(tmp_path / "draft.yaml"), "-o", str(tmp_path / "m.yaml"), "--json"]
    assert _exit_code(["controls", str(plate[0]), *CONTROLS[:4], *given]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["lot"]["spillover"] is None
    assert told["lot"]["id"].startswith("hoechst_pi-")
    assert load_method(Path(told["method"])).viability.lot is not None
