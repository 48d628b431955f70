"""The simulated plate: files, tables, and ``sample_data/`` made again bit for bit."""

import csv
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import tifffile

from monolayer.errors import RunFolderError
from monolayer.evaluate import evaluate_pairs, pool_scores, read_manifest, read_mask
from monolayer.simulate import (
    SAMPLE_SEED,
    PlateSettings,
    SimulateSettings,
    plan_fields,
    simulate_plate,
)

SAMPLE = Path(__file__).parents[2] / "sample_data"
SMALL = SimulateSettings(
    height_px=96,
    width_px=128,
    plate=PlateSettings(
        name="tiny",
        rows="AB",
        first_column=11,
        densities_cells_per_cm2=(40_000, 120_000),
        fields_per_well=2,
        empty_fields=("A11_s2",),
        defocused_fields=("B12_s1",),
    ),
)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "plate"
    simulate_plate(folder, SMALL, 7)
    return folder


@pytest.mark.slow
def test_sample_data_is_made_again_bit_for_bit(tmp_path: Path) -> None:
    simulate_plate(tmp_path, SimulateSettings(), SAMPLE_SEED)
    assert digests(tmp_path) == digests(SAMPLE)


def test_sample_data_is_small_and_says_what_it_is() -> None:
    size = sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file())
    assert 1_000_000 < size < 8_000_000
    assert (SAMPLE / "README.md").read_text(encoding="utf-8").startswith("# SIMULATED")
    rows = table(SAMPLE / "truth.csv")
    assert len(rows) == 24
    assert {row["kind"] for row in rows} == {"ordinary", "empty", "defocused"}
    counts: dict[str, list[int]] = {"12000": [], "30000": [], "75000": []}
    for row in rows:
        if row["kind"] == "ordinary":
            counts[row["seeded_density_cells_per_cm2"]].append(int(row["n_objects"]))
    low, middle, high = (np.mean(values) for values in counts.values())
    assert 10 < low < middle / 1.8 < high / 3


def test_files_and_names(plate: Path) -> None:
    names = [f"tiny_{well}_s{s}_w1" for well in ("A11", "A12", "B11", "B12") for s in (1, 2)]
    assert sorted(p.name for p in (plate / "plate").iterdir()) == [f"{n}.tif" for n in names]
    assert sorted(p.name for p in (plate / "truth").iterdir()) == [f"{n}_labels.tif" for n in names]
    assert [f.stem for f in plan_fields(SMALL)] == names


def test_images_carry_their_pixel_size_and_no_time(plate: Path) -> None:
    with tifffile.TiffFile(plate / "plate" / "tiny_A11_s1_w1.tif") as tif:
        assert tif.is_ome
        assert 'PhysicalSizeX="0.65" PhysicalSizeXUnit="µm"' in (tif.ome_metadata or "")
        assert "SIMULATED" in (tif.ome_metadata or "")
        assert "UUID" not in (tif.ome_metadata or "")
        tags = tif.pages.first.tags
        assert "DateTime" not in tags
        per_cm = tags["XResolution"].value
        assert per_cm[0] / per_cm[1] == pytest.approx(10_000 / 0.65)
        assert tif.asarray().shape == (96, 128)
        assert tif.asarray().dtype == np.uint16


def test_truth_tables_agree_with_the_masks(plate: Path) -> None:
    objects = table(plate / "truth_objects.csv")
    for row in table(plate / "truth.csv"):
        stem = f"tiny_{row['well']}_s{row['field']}_w1"
        mask = read_mask(plate / "truth" / f"{stem}_labels.tif")
        mine = [o for o in objects if (o["well"], o["field"]) == (row["well"], row["field"])]
        assert mask.max() == len(mine) == int(row["n_objects"])
        assert [int(o["area_px"]) for o in mine] == np.bincount(mask.ravel())[1:].tolist()
        assert float(row["nuclei_area_fraction"]) == pytest.approx((mask > 0).mean(), abs=5e-5)
        border = [o for o in mine if o["touches_border"] == "true"]
        assert len(border) == int(row["n_border_objects"])


def test_special_fields(plate: Path) -> None:
    rows = {f"{r['well']}_s{r['field']}": r for r in table(plate / "truth.csv")}
    assert rows["A11_s2"]["kind"] == "empty"
    assert rows["A11_s2"]["n_objects"] == "0"
    assert rows["B12_s1"]["kind"] == "defocused"

    def detail(name: str) -> float:
        pixels = tifffile.imread(plate / "plate" / f"tiny_{name}_w1.tif").astype(float)
        pixels = pixels.reshape(24, 4, 32, 4).mean(axis=(1, 3))
        return float(np.abs(np.diff(pixels, axis=0)).max())

    assert detail("B12_s1") < 0.5 * detail("B12_s2")


def test_manifest_is_one_for_evaluate(plate: Path) -> None:
    found = read_manifest(plate / "manifest.csv")
    assert len(found.rows) == 8
    assert {row.pixel_size_um for row in found.rows} == {0.65}
    rows = evaluate_pairs(found.rows, lambda row: read_mask(row.mask))
    pooled = {row["dataset"]: row for row in pool_scores(rows)}
    assert pooled["simulated"]["f1_iou70"] == 1
    assert pooled["simulated"]["n_images"] == 7
    assert pooled["simulated"]["n_empty_images"] >= 1
    assert pooled["simulated out of focus"]["n_images"] == 1


def test_making_it_again_changes_nothing(plate: Path) -> None:
    before = digests(plate)
    seen: list[str] = []
    simulate_plate(plate, SMALL, 7, lambda field: seen.append(field.stem))
    assert digests(plate) == before
    assert len(seen) == 8


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(RunFolderError, match=r"thesis\.docx.*give an empty folder"):
        simulate_plate(tmp_path, SMALL, 7)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]
    with pytest.raises(RunFolderError, match="is a file"):
        simulate_plate(tmp_path / "thesis.docx", SMALL, 7)


def test_unknown_special_field_is_named() -> None:
    with pytest.raises(ValueError, match="'D09_s1' is no field"):
        SimulateSettings(plate=PlateSettings(empty_fields=("D09_s1",)))
