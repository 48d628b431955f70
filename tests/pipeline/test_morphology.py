"""The assay morphology: worked examples, both kinds of rows, tables of a run, and bad input."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from click.testing import CliRunner

import monolayer
from monolayer.assays.morphology import ASSAY, measuring_sha256
from monolayer.cli import verbs
from monolayer.errors import ConfigError
from monolayer.field import FieldImage
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.method import Method, commented_method, load_method
from monolayer.simulate.cells.field import SimulatedCellField, simulate_cell_field
from monolayer.simulate.cells.settings import CellFieldSettings, CellsSettings
from monolayer.simulate.settings import NucleiSettings, SimulateSettings
from monolayer.simulate.tiff import write_image
from monolayer.summarise import morphology
from monolayer.summarise.reference_settings import content_sha256
from monolayer.summarise.settings import SummariseSettings
from monolayer.summarise.shape_settings import ShapeSettings

PIXEL = 0.65


def _method(**section: Any) -> Method:
    return Method.model_validate({"assay": "morphology", "morphology": section})


CELLS, NUCLEI = _method(cell_channel="w2"), _method()


def _simulate(
    density: float = 15_000, index: int = 0, size: int = 512, **cells: float
) -> SimulatedCellField:
    nuclei = SimulateSettings(
        height_px=size,
        width_px=size,
        nuclei=NucleiSettings(density_cells_per_cm2=density, touching_fraction=0.0),
    )
    settings = CellFieldSettings(nuclei=nuclei, cells=CellsSettings.model_validate(cells))
    return simulate_cell_field(settings, seed=5, index=index)


def _image(field: SimulatedCellField, pixel_size_um: float | None = PIXEL) -> FieldImage:
    return FieldImage({"w1": field.nuclei.pixels, "w2": field.pixels}, pixel_size_um)


@pytest.fixture(scope="module")
def field() -> SimulatedCellField:
    return _simulate()


def test_worked_example_w22() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[10:20, 5:25] = 1
    found = measure_objects(labels, {}, MeasureSettings(), None)
    expected = {
        "area_px": 200, "axis_major_length_px": 23.065125, "axis_minor_length_px": 11.489125,
        "eccentricity": 0.867110, "solidity": 1,
    }  # fmt: skip
    assert {name: round(float(found[name][0]), 6) for name in expected} == expected


def test_an_ellipse_of_two_to_one() -> None:
    y, x = np.mgrid[-300:301, -300:301]
    labels = ((x / 280) ** 2 + (y / 140) ** 2 <= 1).astype(np.int32)
    found = measure_objects(labels, {}, MeasureSettings(), None)
    assert float(found["eccentricity"][0]) == pytest.approx(0.8660254, abs=1e-4)


def test_a_row_holds_nucleus_and_cell_side_by_side(field: SimulatedCellField) -> None:
    found = ASSAY.evaluate(_image(field), {"nuclei": "w1", "cells": "w2"}, CELLS)
    objects, labels = found.objects, found.labels
    assert labels is not None
    n = found.row["n_objects"]
    assert isinstance(n, int)
    assert {len(column) for column in objects.values()} == {n}
    assert next(iter(objects)) == "label"
    assert objects["label"].tolist() == list(range(1, n + 1))
    assert objects["cell_area_px"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    ratio = objects["nucleus_area_um2"] / objects["cell_area_um2"]
    assert objects["nuclear_cell_area_ratio"] == pytest.approx(ratio, rel=1e-12)
    rest = objects["cell_area_um2"] - objects["nucleus_area_um2"]
    assert objects["cytoplasm_area_um2"] == pytest.approx(rest, rel=1e-12)
    assert objects["cell_aspect_ratio"] == pytest.approx(
        objects["cell_axis_major_length_px"] / objects["cell_axis_minor_length_px"], rel=1e-12
    )
    assert np.array_equal(objects["weight"], objects["cell_weight"])
    assert "cell_intensity_mean_w2" in objects
    assert found.row["morphology_object"] == "cell"


def test_nuclei_alone_where_there_is_no_cell_channel(field: SimulatedCellField) -> None:
    found = ASSAY.evaluate(_image(field), {"nuclei": "w1"}, NUCLEI)
    assert found.row["morphology_object"] == "nucleus"
    assert not [name for name in found.objects if name.startswith("cell")]
    assert np.array_equal(found.objects["weight"], found.objects["nucleus_weight"])
    for name in ("spindle_index", "flattened_fraction", "cell_area_fraction", "n_shaped"):
        assert found.row[name] is None
    both = ASSAY.evaluate(_image(field), {"nuclei": "w1", "cells": "w2"}, CELLS)
    for name, value in found.row.items():
        if name.startswith(("nucleus_", "n_unbiased", "density", "clark", "nearest")):
            assert both.row[name] == value, name


@pytest.mark.parametrize(("method", "roles"), [(CELLS, {"cells": "w2"}), (NUCLEI, {})])
@pytest.mark.parametrize("density", [0, 15_000])
def test_the_columns_are_always_the_same(
    method: Method, roles: dict[str, str], density: float
) -> None:
    image = _image(_simulate(density))
    found = ASSAY.evaluate(image, {"nuclei": "w1", **roles}, method)
    names = [name for name, _ in ASSAY.field_columns(("w1", "w2"), method)]
    assert set(found.row) == set(names)
    assert len(names) == len(set(names))
    row = found.row | {"state": "ok"}
    well = ASSAY.summarise_well([row, {"state": "failed"}], found.objects, method)
    columns = {name for name, _ in ASSAY.well_columns(("w1", "w2"), method)}
    assert set(well) <= columns
    assert density == 0 or set(well) == columns
    plate = ASSAY.summarise_plate([well | {"n_fields_ok": 1}], method)
    assert set(plate) <= {name for name, _ in ASSAY.plate_columns(("w1", "w2"), method)}


def test_no_cells_have_no_morphology() -> None:
    found = ASSAY.evaluate(_image(_simulate(0)), {"nuclei": "w1", "cells": "w2"}, CELLS)
    assert found.row["n_objects"] == 0
    assert found.row["cell_area_fraction"] == 0.0
    for name in ("cell_area_um2_mean", "spindle_index", "orientation_order", "clark_evans_ratio"):
        assert found.row[name] is None
    well = ASSAY.summarise_well([found.row | {"state": "ok"}], found.objects, CELLS)
    assert well["n_objects"] == 0
    assert well["density_cells_per_cm2"] == 0.0
    assert well["cell_area_um2_q50"] is None
    assert well["spindle_index"] is None


def test_a_well_without_an_evaluated_field_knows_nothing() -> None:
    well = ASSAY.summarise_well([{"state": "failed"}], {}, CELLS)
    assert well["n_objects"] is None
    assert well["cell_area_um2_q50_ci_method"] == "none: unknown"
    assert well["morphology_state"] == "no_reference"
    known = {name: value for name, value in well.items() if isinstance(value, float)}
    assert known == {}


def test_without_a_pixel_size_only_pixels_are_known(field: SimulatedCellField) -> None:
    sized, bare = (
        ASSAY.evaluate(_image(field, size), {"nuclei": "w1", "cells": "w2"}, CELLS).row
        for size in (PIXEL, None)
    )
    for name in ("cell_area_um2_q50", "density_cells_per_cm2", "spindle_index", "diameter_um"):
        assert bare[name] is None
        assert sized[name] is not None
    for name in ("cell_area_px_q50", "cell_aspect_ratio_q50", "clark_evans_ratio", "n_unbiased"):
        assert bare[name] == sized[name]


def test_an_unstained_cell_has_a_nucleus_and_no_cell(field: SimulatedCellField) -> None:
    dark = field.pixels.copy()
    n = int(field.nucleus_labels.max())
    clear = [
        label
        for label in range(1, n + 1)
        if not field.truth["touches_border"][label - 1]
        and field.truth["nucleus_area_px"][label - 1]
    ]
    chosen = field.labels == clear[0]
    dark[chosen] = 128
    image = FieldImage({"w1": field.nuclei.pixels, "w2": dark}, PIXEL)
    found = ASSAY.evaluate(image, {"nuclei": "w1", "cells": "w2"}, CELLS)
    assert found.row["n_cells_unstained"] == 1
    bare = ~found.objects["cell_stained"]
    assert np.isnan(found.objects["cell_area_um2"][bare]).all()
    assert np.isfinite(found.objects["nucleus_area_um2"][bare]).all()
    assert found.objects["cell_weight"][bare] == 0
    assert found.objects["nucleus_weight"][bare] > 0


def _drawn_objects() -> dict[str, Any]:
    return {
        "nucleus_weight": np.ones(8), "nucleus_touches_border": np.zeros(8, bool),
        "nucleus_area_px": np.full(8, 100.0), "nucleus_area_um2": np.full(8, 100.0),
        "cell_weight": np.array([1, 1, 1, 1, 1, 2, 1, 0.0]),
        "cell_stained": np.array([True] * 7 + [False]),
        # spindle, too large, too round, at both limits, flat, flat (twice), too long, unstained
        "cell_area_um2": np.array([1_000, 2_600, 1_000, 2_500, 5_000, 4_001, 5_000, np.nan]),
        "cell_area_px": np.arange(8.0),
        "cell_aspect_ratio": np.array([3.1, 5, 2.9, 3.0, 1.2, 1.9, 2.0, np.nan]),
        "cell_orientation_rad": np.array([0.1, 0.1, 0.1, 0.1, 1.5, 0.1, 0.1, np.nan]),
        "nearest_neighbour_distance_px": np.full(8, 10.0), "nearest_neighbour_weight": np.ones(8),
    }  # fmt: skip


def test_spindles_and_flattened_cells_by_hand() -> None:
    row = morphology.summarise_field(
        _drawn_objects(), (100, 100), 1.0, SummariseSettings(), ShapeSettings(), 0.1
    )
    assert row["n_shaped"] == 8
    assert row["spindle_index"] == 1 / 8
    assert row["flattened_fraction"] == 3 / 8
    assert row["n_cells_unstained"] == 1
    # The round cell that lies across has no direction to speak of.
    assert row["orientation_n"] == 6
    assert row["orientation_order"] == pytest.approx(1.0, rel=1e-12)
    assert row["nuclear_cell_area_ratio_mean"] is None


def test_limits_of_shape_are_the_sites() -> None:
    loose = ShapeSettings(spindle_min_aspect_ratio=2.5, spindle_max_area_um2=3_000)
    row = morphology.summarise_field(
        _drawn_objects(), (100, 100), 1.0, SummariseSettings(), loose, 0.1
    )
    assert row["spindle_index"] == 4 / 8


def test_a_wells_share_is_that_of_all_its_cells() -> None:
    objects = _drawn_objects()
    settings, shapes = SummariseSettings(), ShapeSettings()
    one = morphology.summarise_field(objects, (100, 100), 1.0, settings, shapes, 0.1)
    one |= {"cell_area_fraction": 0.5}
    other = one | {"spindle_index": 0.5, "n_shaped": 24.0, "n_objects": 24}
    pooled = {name: np.concatenate([column] * 4) for name, column in objects.items()}
    rows = [one | {"state": "ok"}, other | {"state": "ok"}]
    well = morphology.summarise_well(rows, pooled, "cell", settings, shapes)
    assert well["spindle_index"] == pytest.approx((1 + 12) / 32, rel=1e-12)
    assert well["spindle_index_ci_method"] == "t between fields, ratio of sums"
    with pytest.raises(ValueError, match="count 32 objects but 8 were given"):
        morphology.summarise_well(rows, objects, "cell", settings, shapes)


@pytest.mark.slow
def test_populations_of_simulated_wells_are_told_apart() -> None:
    """Against the truth's own populations; on simulation, and said to be."""
    for flattened in (0.05, 0.6):
        found, true = [], []
        for index in range(3):
            field = _simulate(8_000, index, 768, flattened_fraction=flattened)
            found.append(ASSAY.evaluate(_image(field), {"nuclei": "w1", "cells": "w2"}, CELLS))
            true.append(measure_objects(field.labels, {}, MeasureSettings(groups=("axes",)), PIXEL))
        rows = [one.row | {"state": "ok"} for one in found]
        objects = {
            name: np.concatenate([one.objects[name] for one in found]) for name in found[0].objects
        }
        well = ASSAY.summarise_well(rows, objects, CELLS)
        areas, weights = (
            np.concatenate([one[name] for one in true]) for name in ("area_um2", "weight")
        )
        mean = float((areas * weights).sum() / weights.sum())
        large = float(weights[areas > 4_000].sum() / weights.sum())
        assert well["cell_area_um2_mean"] == pytest.approx(mean, rel=0.1)
        assert well["flattened_fraction"] == pytest.approx(large, abs=0.08)


@pytest.mark.parametrize(
    ("channels", "section", "words"),
    [
        (["w1"], {"cell_channel": "w2"}, r"cell_channel 'w2' is not among those found \(w1\)"),
        (["w1", "w2"], {"cell_channel": "w1"}, r"'w1' is the nuclear channel \(w1, w2\)"),
    ],
)
def test_a_missing_channel_is_named(
    channels: list[str], section: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        ASSAY.roles(channels, _method(**section))


@pytest.mark.parametrize("density", [6_000, 15_000, 80_000])
def test_swapped_channels_are_detected_and_said(density: float) -> None:
    image = _image(_simulate(density))
    found = ASSAY.evaluate(image, {"nuclei": "w2", "cells": "w1"}, CELLS)
    assert found.problem is not None
    assert found.problem[0] in ("no_cells_seen", "swapped_channels")
    assert "read.channel and morphology.cell_channel" in found.problem[1]
    assert found.row == {}
    right = ASSAY.evaluate(image, {"nuclei": "w1", "cells": "w2"}, CELLS)
    assert right.problem is None
    ratio = right.row["nuclear_light_ratio"]
    assert isinstance(ratio, float)
    assert ratio < 0.12


@pytest.mark.data
def test_swapped_real_channels_are_detected(data_folder: Path) -> None:
    stem = data_folder / "readers/cellprofiler_examplehuman/AS_09125_050116030001_D03f00d"
    channels = {name: tifffile.imread(f"{stem}{k}.tif") for name, k in (("w1", 0), ("w2", 2))}
    image = FieldImage(channels, None)
    assert ASSAY.evaluate(image, {"nuclei": "w1", "cells": "w2"}, CELLS).problem is None
    found = ASSAY.evaluate(image, {"nuclei": "w2", "cells": "w1"}, CELLS)
    assert found.problem is not None
    assert found.problem[0] == "swapped_channels"


def test_a_missing_stain_is_not_taken_for_small_cells(field: SimulatedCellField) -> None:
    dark = np.random.default_rng(0).normal(130, 4, field.pixels.shape).astype(np.uint16)
    image = FieldImage({"w1": field.nuclei.pixels, "w2": dark}, PIXEL)
    found = ASSAY.evaluate(image, {"nuclei": "w1", "cells": "w2"}, CELLS)
    assert found.problem is not None
    assert found.problem[0] == "no_cells_seen"
    # A site that wants such fields all the same says so.
    kept = _method(cell_channel="w2", max_nuclear_share=1.0)
    assert ASSAY.evaluate(image, {"nuclei": "w1", "cells": "w2"}, kept).problem is None


def test_roles_put_the_nuclei_first() -> None:
    assert list(ASSAY.roles(["w2", "w1"], CELLS).items()) == [("nuclei", "w1"), ("cells", "w2")]
    assert ASSAY.roles(["w2", "w1"], NUCLEI) == {"nuclei": "w1"}


def test_the_report_says_what_was_not_matched() -> None:
    band = {
        "culture": {}, "morphology_object": "cell", "density_low_cells_per_cm2": 0.0,
        "density_high_cells_per_cm2": 1.0, "n_wells": 1, "figures": {},
    }  # fmt: skip
    data = {
        "schema_version": 1, "name": "r", "version": "1", "measuring_sha256": "", "sources": [],
        "bands": [band | {"culture": dict.fromkeys(("donor_type", "medium", "day"))}],
    }  # fmt: skip
    reference = data | {"sha256": content_sha256(data)}
    told = [
        ASSAY.presentation(_method(cell_channel="w2", reference=reference, culture=culture)).caveats
        for culture in ({"medium": "x"}, {"medium": "x", "donor_type": "y", "day": 1})
    ]
    assert "not matched: donor type, day." in told[0][1]
    assert len(told[1]) == 1
    assert "No reference was given" in ASSAY.presentation(CELLS).caveats[1]
    assert "nuclei alone" in ASSAY.presentation(NUCLEI).caveats[0]


def test_only_what_measures_makes_runs_incomparable() -> None:
    base = measuring_sha256(CELLS)
    assert measuring_sha256(_method(cell_channel="w2", culture={"medium": "x"})) == base
    assert measuring_sha256(_method(cell_channel="w2", limits={"min_wells": 9})) == base
    assert measuring_sha256(_method(cell_channel="w2", outline={"contour_level": 0.4})) != base
    sized = CELLS.segment.model_copy(update={"contour_level": 0.4})
    assert measuring_sha256(CELLS.model_copy(update={"segment": sized})) != base


def test_the_method_file_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "method.yaml"
    path.write_text(commented_method(CELLS))
    assert load_method(path).sha256 == CELLS.sha256
    path.write_text(CELLS.to_yaml())
    assert load_method(path).sha256 == CELLS.sha256


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plate")
    for column, flattened in enumerate((0.05, 0.05, 0.6)):
        for site in range(2):
            field = _simulate(20_000, 10 * column + site, flattened_fraction=flattened)
            stem = f"P1_B{column + 2:02d}_s{site + 1}"
            write_image(folder / f"{stem}_w1.tif", field.nuclei.pixels, PIXEL, 12, "nuclei")
            write_image(folder / f"{stem}_w2.tif", field.pixels, PIXEL, 12, "cells")
    return folder


def _call(*arguments: object) -> str:
    called = CliRunner().invoke(verbs, [str(argument) for argument in arguments])
    assert called.exit_code == 0, called.output
    return called.output


def _write_method(path: Path, **section: Any) -> Path:
    data = {"assay": "morphology", "morphology": {"cell_channel": "w2", **section}}
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_run_a_reference_and_a_run_held_against_it(plate: Path, tmp_path: Path) -> None:
    culture = {"donor_type": "bone marrow", "medium": "alpha-MEM + 5 % hPL", "day": 2}
    method = _write_method(tmp_path / "draft.yaml", culture=culture)
    good = tmp_path / "good"
    _call("run", plate, "-o", good, "--method", method, "--workers", 1, "--json")
    first = monolayer.open_run(good)
    assert first.fields.arrow()["state"].to_pylist() == ["ok"] * 6
    assert first.wells.arrow()["morphology_state"].to_pylist() == ["no_reference"] * 3
    assert first.labels("P1/B02/1").max() == first.fields.arrow()["n_objects"][0].as_py()

    reference = tmp_path / "reference.yaml"
    bands = ("--density-bands", "1000,100000", "--min-objects", 5)
    made = json.loads(_call("reference", good, "-o", reference, *bands, "--json"))
    assert made["bands"][0]["n_wells"] == 3
    assert made["bands"][0]["culture"] == culture
    method = _write_method(
        tmp_path / "checked.yaml",
        culture=culture,
        reference="reference.yaml",
        limits={"min_wells": 3, "min_objects": 5},
    )
    later = tmp_path / "later"
    _call("run", plate, "-o", later, "--method", method, "--workers", 1, "--json")
    wells = monolayer.open_run(later).wells.arrow().to_pylist()
    assert wells[0]["reference_sha256"] == made["sha256"]
    assert wells[0]["reference_n_wells"] == 3
    ratios = [well["cell_area_um2_q50_reference_ratio"] for well in wells]
    assert sorted(ratios)[1] == 1.0
    assert ratios[2] == max(ratios)
    assert wells[2]["morphology_state"] in ("alert", "action")
    assert "cell area" in wells[2]["morphology_reason"]
    report = (later / "report.html").read_text(encoding="utf-8")
    assert f"{wells[2]['morphology_state']}: {wells[2]['morphology_reason']}" in report
    assert "Nuclear to cell area" in report
    assert "No reference was given" in (good / "report.html").read_text(encoding="utf-8")
    # The run's own method file holds the reference itself.
    kept = load_method(later / "method.yaml").morphology.reference
    assert kept is not None
    assert kept.sha256 == made["sha256"]


def test_a_field_without_its_cell_channel_costs_its_row(plate: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for path in plate.glob("P1_B0[23]_s1_w?.tif"):
        (images / path.name).write_bytes(path.read_bytes())
    (images / "P1_B02_s1_w2.tif").unlink()
    short = tifffile.imread(images / "P1_B03_s1_w2.tif")[:300]
    write_image(images / "P1_B03_s1_w2.tif", short, PIXEL, 12, "cells")
    method = _write_method(tmp_path / "method.yaml")
    command = ["run", images, "-o", tmp_path / "run", "--method", method, "--workers", 1]
    called = CliRunner().invoke(verbs, [str(part) for part in command], standalone_mode=False)
    assert called.return_value == 3, called.output
    rows = monolayer.open_run(tmp_path / "run").fields.arrow().to_pylist()
    assert [row["reason"] for row in rows] == ["missing_channel", "shape_mismatch"]
    assert "morphology.cell_channel 'w2' is not among those found (w1)" in rows[0]["detail"]


def test_references_on_the_command_line_that_cannot_be_made(plate: Path, tmp_path: Path) -> None:
    runner, path = CliRunner(), tmp_path / "reference.yaml"
    path.write_text("there")
    for arguments, words in (
        (["reference", str(plate), "-o", str(path)], "is there already"),
        (["reference", str(plate), "-o", str(tmp_path / "new.yaml")], "no run.json"),
        (["reference", str(plate), "-o", str(tmp_path / "new.yaml"), "--density-bands", "1,x"],
         "give numbers with commas"),
    ):  # fmt: skip
        called = runner.invoke(verbs, arguments)
        assert words in str(called.exception), arguments


@pytest.mark.slow
def test_the_documentation_runs(
    plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "morphology.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(sh|yaml)\n(.*?)```", text, flags=re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "yaml", "sh", "yaml"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ages").mkdir()
    (tmp_path / "ages" / "images").symlink_to(plate)
    (tmp_path / "ages" / "method.yaml").write_text(blocks[1][1])
    _simulating, running = blocks[0][1].splitlines()
    assert shlex.split(_simulating) == ["monolayer", "simulate", "ages", "--kind", "cells"]
    _call(*shlex.split(running)[1:], "--workers", 1, "--json")
    _call(*shlex.split(blocks[2][1])[1:])
    (tmp_path / "checked.yaml").write_text(blocks[3][1])
    kept = load_method(tmp_path / "checked.yaml").morphology
    assert kept.reference is not None
    assert kept.reference.bands[0].culture == kept.culture
    run = monolayer.open_run(tmp_path / "good")
    tables = {name: getattr(run, name).column_names for name in ("fields", "wells", "plates")}
    tables["objects"] = run.objects.column_names
    told = re.findall(r"^\| (`.*?`) \| ([a-z, ]+) \|", text, flags=re.MULTILINE)
    assert len(told) > 12
    for columns, names in told:
        for table in names.split(", "):
            wanted = {column.strip("`") for column in columns.split(", ")}
            assert wanted <= set(tables[table]), table
