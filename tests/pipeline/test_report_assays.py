"""The report of assays other than nuclei: their own number, words, kinds of outlines and maps."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

import monolayer
from monolayer.drawing.numbers import figure, shown
from monolayer.report.bare_map import BLOCKS, bare_map, block_shares, vessel_maps
from monolayer.report.content import VesselMap
from monolayer.simulate import PhaseSettings, simulate_phase_field

FIELDS = 3


def test_shares_of_blocks_leave_out_what_is_not_usable() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[:4, :4] = 1
    labels[:4, 4:] = 2
    labels[4:, :2] = 1
    labels[4:, 4:6] = 2
    labels[4:, 6:7] = 1
    assert block_shares(labels, 2) == ((1.0, None), (0.5, 0.5))


def test_uneven_images_are_cut_without_a_rest() -> None:
    labels = np.ones((101, 67), np.int32)
    shares = block_shares(labels)
    assert len(shares) == BLOCKS
    assert all(share == 1.0 for row in shares for share in row)


def test_a_map_has_a_square_a_block_and_grey_where_nothing_is_usable() -> None:
    vessel = VesselMap("T75", (("P/A01/1", ((1.0, None), (0.0, 0.5))),), 1)
    drawn = str(bare_map(vessel))
    assert drawn.count("<rect") == 4
    assert drawn.count("unusable") == 1


def test_vessels_are_parted_by_well_and_time_and_images_may_be_gone() -> None:
    rows = [
        {"state": "ok", "plate": "P", "well": well, "time": None, "field_id": f"P/{well}/{i}"}
        for well in ("A01", "A02")
        for i in range(2)
    ]
    rows.append(rows[0] | {"state": "failed", "field_id": "P/A01/9"})
    labels = np.ones((16, 16), np.int32)
    gone = "P/A02/1"
    maps = vessel_maps(rows, lambda name: None if name == gone else (labels, labels, None))
    assert [(item.name, len(item.fields), item.n_fields) for item in maps] == [
        ("P A01", 2, 2),
        ("P A02", 1, 2),
    ]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(12.34, "%", "12.3 %"), (1038.0, "", "1,038"), (0.5, "", "0.5"), (None, "%", "–")],
)
def test_figures_carry_their_unit(value: float | None, unit: str, words: str) -> None:
    assert figure(value, unit) == words


def test_percentages_are_shown_to_a_tenth() -> None:
    assert shown(62.8177, "%") == "62.8"
    assert shown(41278.3, "cells/cm²") == "41,280"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[monolayer.Run, str]:
    folder = tmp_path_factory.mktemp("vessel")
    (folder / "images").mkdir()
    for i in range(FIELDS):
        settings = PhaseSettings(height_px=320, width_px=320)
        field = simulate_phase_field(settings, seed=3, index=i)
        tifffile.imwrite(folder / "images" / f"T75_A01_s{i + 1}_w1.tif", field.pixels)
    run = monolayer.run(
        folder / "images", folder / "R", assay="confluence", pixel_size_um=0.65, workers=1
    )
    return run, Path(run.report).read_text(encoding="utf-8")


def test_a_vessel_leads_with_its_confluence_and_the_interval_between_its_fields(
    page: tuple[monolayer.Run, str],
) -> None:
    run, text = page
    (well,) = run.wells.arrow().to_pylist()
    assert "<title>Confluence:" in text
    assert f"<strong>{100 * well['confluence']:.1f}</strong>" in text
    low, high = 100 * well["confluence_ci_low"], 100 * well["confluence_ci_high"]
    assert f"{low:.1f} to {high:.1f} %" in text
    assert f"{100 * well['confluence_lower_bound']:.1f} %" in text
    assert "indirect (ISO 20391-1)" in text


def test_the_page_maps_where_the_vessel_is_bare(page: tuple[monolayer.Run, str]) -> None:
    _, text = page
    (section,) = re.findall(r'<section id="bare">(.*?)</section>', text, re.DOTALL)
    # The legend has 60 steps of colour.
    assert section.count("<rect") == FIELDS * BLOCKS**2 + 60
    assert 'id="map"' not in text


def test_cover_is_outlined_and_counting_words_are_left_out(page: tuple[monolayer.Run, str]) -> None:
    _, text = page
    assert 'class="covered"' in text
    assert 'class="inside"' not in text
    assert "Poisson" not in text
    assert "Nuclei" not in text
