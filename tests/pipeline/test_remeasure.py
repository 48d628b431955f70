"""Assays measure corrected labels: untouched ones give the automatic result to the last bit."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from monolayer.assays import assay_of
from monolayer.assays.contract import Evaluated
from monolayer.assays.given import Given
from monolayer.classify import ViabilitySettings, stain_named
from monolayer.errors import CorrectionError
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.simulate import (
    ChamberFieldSettings,
    simulate_chamber_field,
)
from monolayer.simulate.cells.field import simulate_cell_field
from monolayer.simulate.cells.settings import CellFieldSettings
from monolayer.simulate.settings import NucleiSettings, SimulateSettings

from .conftest import PIXEL_SIZE_UM, disc_field
from .livedead_plate import LOTS, image_of, simulated

Case = tuple[FieldImage, Method, Evaluated]


def _case(image: FieldImage, method: Method) -> Case:
    assay = assay_of(method)
    return image, method, assay.evaluate(image, assay.roles(image.channels, method), method)


def _nuclei() -> Case:
    return _case(FieldImage({"w1": disc_field(12, 3)}, PIXEL_SIZE_UM), Method())


def _viability(stain: str) -> Callable[[], Case]:
    def make() -> Case:
        lot = LOTS[stain]
        settings = ViabilitySettings(stain=stain_named(stain).name, lot=lot)
        return _case(
            image_of(simulated(stain, 0.6, 31)), Method(assay="viability", viability=settings)
        )

    return make


def _suspension(scale: float = 1.0) -> Callable[[], Case]:
    def make() -> Case:
        settings = ChamberFieldSettings(height_px=300, width_px=400, concentration_cells_per_ml=2e6)
        pixels = simulate_chamber_field(settings, 21, 0).pixels
        if scale > 1:
            pixels = np.kron(pixels, np.ones((int(scale), int(scale)), pixels.dtype))
        return _case(FieldImage({"w1": pixels}, 0.65 / scale), Method(assay="suspension"))

    return make


def _morphology(cells: bool) -> Callable[[], Case]:
    def make() -> Case:
        scene = SimulateSettings(
            height_px=384,
            width_px=384,
            nuclei=NucleiSettings(density_cells_per_cm2=15_000, touching_fraction=0.0),
        )
        made = simulate_cell_field(CellFieldSettings(nuclei=scene), seed=5)
        section = {"cell_channel": "w2"} if cells else {}
        method = Method.model_validate(
            {"assay": "morphology", "read": {"channel": "w1"}, "morphology": section}
        )
        image = FieldImage({"w1": made.nuclei.pixels, "w2": made.pixels}, 0.65)
        return _case(image, method)

    return make


CASES: Mapping[str, Callable[[], Case]] = {
    "nuclei": _nuclei,
    **{f"viability {stain}": _viability(stain) for stain in LOTS},
    "suspension": _suspension(),
    "suspension, binned": _suspension(2),
    "morphology of nuclei": _morphology(cells=False),
    "morphology of cells": _morphology(cells=True),
}


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]()


def again(case: Case, labels: Any, touched: frozenset[int], **classes: Any) -> Evaluated:
    image, method, found = case
    assay = assay_of(method)
    given = Given(labels, found.row, found.objects, touched, **classes)
    return assay.remeasure(image, assay.roles(image.channels, method), method, given)


def automatic_labels(case: Case) -> Any:
    labels = case[2].labels
    assert labels is not None
    assert labels.max() > 3
    return labels


def test_untouched_labels_give_the_automatic_result_to_the_last_bit(case: Case) -> None:
    measured = again(case, automatic_labels(case), frozenset())
    assert measured.row == case[2].row
    assert list(measured.objects) == list(case[2].objects)
    for name, values in case[2].objects.items():
        np.testing.assert_array_equal(measured.objects[name], values, err_msg=name)


def test_a_deleted_object_costs_its_row_and_no_others(case: Case) -> None:
    automatic = automatic_labels(case)
    gone = int(case[2].objects["label"][1])
    labels = np.where(automatic == gone, 0, automatic)
    measured = again(case, labels, frozenset())
    n = case[2].row["n_objects"]
    assert isinstance(n, int)
    assert measured.row["n_objects"] == n - 1
    kept = case[2].objects["label"] != gone
    for name in {"label", "segmentation_score", "centroid_y_px"} & set(measured.objects):
        np.testing.assert_array_equal(measured.objects[name], case[2].objects[name][kept])


def test_a_changed_object_has_no_confidence(case: Case) -> None:
    automatic = automatic_labels(case)
    first, second = (int(label) for label in case[2].objects["label"][:2])
    labels = np.where(automatic == second, first, automatic)
    measured = again(case, labels, frozenset({first}))
    name = "segmentation_score"
    at = int(np.flatnonzero(measured.objects["label"] == first)[0])
    if name not in case[2].objects:  # of viability: the light of both is measured together
        assert measured.objects["area_px"][at] == case[2].objects["area_px"][:2].sum()
        return
    assert np.isnan(measured.objects[name][at])
    others = np.delete(measured.objects[name], at)
    np.testing.assert_array_equal(others, case[2].objects[name][2:])


@pytest.mark.parametrize("name", ["viability hoechst_pi", "viability calcein_ethd1", "suspension"])
def test_a_person_s_class_wins_and_moves_the_viability(name: str) -> None:
    case = CASES[name]()
    objects = case[2].objects
    live = np.flatnonzero((objects["viability_class"] == "live") & objects["counted"])
    label = int(objects["label"][live[0]])
    measured = again(case, case[2].labels, frozenset({label}), classes={label: "dead"})
    assert measured.row["n_live"] == int(case[2].row["n_live"] or 0) - 1
    assert measured.row["n_dead"] == int(case[2].row["n_dead"] or 0) + 1
    before, after = case[2].row["viability"], measured.row["viability"]
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert after < before


def test_a_cell_without_a_nucleus_is_refused() -> None:
    case = CASES["morphology of cells"]()
    labels = automatic_labels(case).copy()
    label = int(labels.max()) + 1
    free = np.argwhere(labels == 0)[0]
    labels[free[0], free[1]] = label
    with pytest.raises(CorrectionError, match="would have no nucleus"):
        again(case, labels, frozenset({label}))


def test_cover_that_was_painted_is_counted_again() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.normal(1000, 5, (128, 160))
    pixels[:, :80] += rng.normal(0, 120, (128, 80))
    image = FieldImage({"w1": np.clip(pixels, 0, 4095).astype(np.uint16)}, 1.3)
    case = _case(image, Method(assay="confluence"))
    automatic = case[2].labels
    assert automatic is not None
    assert again(case, automatic, frozenset()).row == case[2].row
    labels = automatic.copy()
    labels[:, :40], labels[:, 40:100], labels[:, 100:] = 0, 1, 2
    row = again(case, labels, frozenset({1, 2})).row
    assert row["confluence"] == 60 / 100
    assert row["usable_fraction"] == 100 / 160
    assert row["unusable_wall_fraction"] is None
    assert row["n_bodies"] is None
    with pytest.raises(CorrectionError, match="leave the field out"):
        again(case, np.full_like(labels, 2), frozenset({2}))
