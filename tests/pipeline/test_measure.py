"""The measure stage: columns, units, weights, invariances and bad calls."""

import csv
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from pydantic import ValidationError
from skimage.measure import regionprops_table as _regionprops_table

from monolayer.measure import (
    CHANNEL_DEFINITIONS,
    DEFINITIONS,
    MeasureSettings,
    measure_objects,
    measure_runs,
)
from monolayer.measure.settings import Group
from monolayer_kernels.measure_runs import Runs, find_runs

# scikit-image carries no types.
regionprops_table: Any = _regionprops_table
SETTINGS = MeasureSettings()
EVERYTHING = MeasureSettings(groups=get_args(Group))
BOX = ("min_y", "min_x", "max_y", "max_x")
# Always given, whatever the groups.
ALWAYS = {
    "label",
    "area_px",
    "area_bbox_px",
    "extent",
    "equivalent_diameter_area_px",
    *(f"bbox_{end}_{axis}_px" for end in ("min", "max") for axis in "yx"),
    "centroid_y_px",
    "centroid_x_px",
    "touches_border",
    "weight",
    "equivalent_diameter_area_um",
    "area_um2",
}


def two_fields() -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    rng = np.random.default_rng(5)
    labels = np.zeros((60, 80), np.int32)
    labels[4:14, 5:25], labels[20:35, 10:18], labels[40:60, 50:70], labels[22:24, 60:66] = (
        2,
        3,
        7,
        40,
    )
    return labels, rng.integers(100, 60000, labels.shape).astype(np.uint16)


def measured(labels: Any, image: Any, pixel_size_um: float | None = 0.65) -> dict[str, Any]:
    return measure_objects(labels, {"dna": image}, SETTINGS, pixel_size_um)


def everything(labels: Any, image: Any) -> dict[str, Any]:
    return measure_objects(labels, {"dna": image}, EVERYTHING, 0.65)


def test_border_objects_are_weighted_for() -> None:
    """Worked example W13: 361 whole objects of 50 x 50 in 1000 x 1000 stand for 400."""
    labels = np.zeros((1000, 1000), np.int32)
    for i in range(19):
        for j in range(19):
            labels[1 + 52 * i : 51 + 52 * i, 1 + 52 * j : 51 + 52 * j] = 19 * i + j + 1
    labels[990:, 990:] = 400
    found = measure_objects(labels, {}, SETTINGS, None)
    assert found["label"].size == 362
    assert found["touches_border"].sum() == 1
    assert found["weight"][-1] == 0
    assert found["weight"].sum() == pytest.approx(400, rel=1e-12)


def test_weighted_count_is_unbiased_for_the_size() -> None:
    """Discs thrown evenly over an area larger than the field: weights give the field's share."""
    rng = np.random.default_rng(0)
    totals = []
    for _ in range(60):
        labels = np.zeros((120, 120), np.int32)
        y, x = np.mgrid[-40:160, -40:160]
        canvas = np.zeros((200, 200), np.int32)
        cy, cx = rng.uniform(-40, 160, 2)
        canvas[(y - cy) ** 2 + (x - cx) ** 2 < 15**2] = 1
        labels[:] = canvas[40:160, 40:160]
        if labels.any():
            totals.append(measure_objects(labels, {}, SETTINGS, None)["weight"].sum())
    expected = 60 * 120**2 / 200**2
    assert sum(totals) == pytest.approx(expected, rel=0.35)


def test_micrometres_follow_the_pixel_size() -> None:
    found = measured(*two_fields())
    for name in [name for name in found if name.endswith("_um")]:
        assert np.array_equal(found[name], found[f"{name[:-3]}_px"] * 0.65, equal_nan=True), name
    np.testing.assert_allclose(found["area_um2"], found["area_px"] * 0.4225, rtol=1e-14)
    assert sum(name.endswith(("_um", "_um2")) for name in found) == 11


def test_unknown_pixel_size_gives_no_micrometres() -> None:
    known, unknown = measured(*two_fields()), measured(*two_fields(), pixel_size_um=None)
    assert list(known) == list(unknown)
    for name, column in unknown.items():
        assert column.dtype == known[name].dtype, name
        if name.endswith(("_um", "_um2")) or name == "neighbours_within_radius":
            assert np.isnan(column).all(), name
        else:
            assert np.array_equal(column, known[name], equal_nan=True), name


def test_rows_follow_the_labels_that_are_present() -> None:
    found = measured(*two_fields())
    assert found["label"].tolist() == [2, 3, 7, 40]
    assert found["area_px"].tolist() == [200, 120, 400, 12]
    assert found["touches_border"].tolist() == [False, False, True, False]
    assert len(found) >= 35


def test_every_column_is_defined() -> None:
    labels, image = two_fields()
    every = measure_objects(labels, {"dna": image}, EVERYTHING, None)
    found = {name for name in every if not name.endswith(("_um", "_um2"))}
    channel = {f"{name}_dna" for name in CHANNEL_DEFINITIONS}
    assert found == set(DEFINITIONS) | channel


@pytest.mark.parametrize("group", get_args(Group))
def test_a_group_gives_its_columns_and_no_others(group: Group) -> None:
    labels, image = two_fields()
    every = measure_objects(labels, {"dna": image}, EVERYTHING, 0.65)
    found = measure_objects(labels, {"dna": image}, MeasureSettings(groups=(group,)), 0.65)
    assert list(found) == [name for name in every if name in found]
    assert set(found) > ALWAYS
    for name, column in found.items():
        assert np.array_equal(column, every[name], equal_nan=True), name


def test_no_group_gives_what_a_count_needs() -> None:
    labels, image = two_fields()
    found = measure_objects(labels, {"dna": image}, MeasureSettings(groups=()), 0.65)
    assert set(found) == ALWAYS


def test_runs_alone_give_the_same_columns() -> None:
    labels, image = two_fields()
    expected = measure_objects(labels, {"dna": image}, EVERYTHING, 0.65)
    runs = find_runs(labels)
    found = measure_runs(runs, labels.shape, {"dna": image}, EVERYTHING, 0.65)
    assert list(found) == list(expected)
    for name, column in expected.items():
        assert np.array_equal(found[name], column, equal_nan=True), name


def test_runs_that_leave_the_field_are_named() -> None:
    one = np.array([9], np.int32)
    runs = Runs(one, np.array([0, 1]), one, one, one + 4)
    with pytest.raises(ValueError, match="to row 9, column"):
        measure_runs(runs, (9, 20), {}, SETTINGS, None)
    with pytest.raises(ValueError, match="column 12"):
        measure_runs(runs, (10, 12), {"x": np.zeros((10, 12))}, SETTINGS, None)


def test_neighbours_are_counted_within_the_radius() -> None:
    labels = np.zeros((50, 50), np.int32)
    labels[10, 10], labels[10, 20], labels[40, 10] = 1, 2, 3
    near = MeasureSettings(neighbour_radius_um=20)
    found = measure_objects(labels, {}, near, 2.0)
    assert found["neighbours_within_radius"].tolist() == [1, 1, 0]
    assert found["nearest_neighbour_distance_px"].tolist() == [10, 10, 30]
    assert found["nearest_neighbour_distance_um"].tolist() == [20, 20, 60]


def test_contrast_and_sharpness_of_a_step() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[10:20, 10:20] = 1
    image = np.where(labels > 0, 300, 100).astype(np.uint16)
    found = measured(labels, image)
    assert found["intensity_local_background_dna"].tolist() == [100]
    assert found["intensity_contrast_dna"].tolist() == [200]
    corner, side = np.hypot(100, 100), 100
    expected = (4 * corner + 32 * side) / 36
    assert found["edge_gradient_per_px_dna"][0] == pytest.approx(expected)
    assert found["edge_sharpness_per_px_dna"][0] == pytest.approx(expected / 200)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_dtype_and_memory_order_change_nothing(dtype: type, order: Any) -> None:
    labels, image = two_fields()
    expected = everything(labels, image)
    found = everything(np.asarray(labels, dtype, order=order), np.asarray(image, order=order))
    for name, column in expected.items():
        assert np.array_equal(found[name], column, equal_nan=True), name


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float32, np.float64, np.int64])
def test_channel_dtypes_agree(dtype: type) -> None:
    labels, image = two_fields()
    expected, found = everything(labels, image), everything(labels, image.astype(dtype))
    for name, column in expected.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-12, atol=1e-12, err_msg=name)


def test_channels_do_not_depend_on_one_another() -> None:
    labels, image = two_fields()
    both = measure_objects(labels, {"dna": image, "dead": image[::-1]}, SETTINGS, None)
    alone = measure_objects(labels, {"dead": image[::-1]}, SETTINGS, None)
    for name in [name for name in alone if name.endswith("_dead")]:
        assert np.array_equal(both[name], alone[name], equal_nan=True), name
    assert "intensity_mean_dna" in both


def test_no_object_gives_the_same_columns_empty() -> None:
    labels, image = two_fields()
    full, empty = everything(labels, image), everything(labels * 0, image)
    assert list(full) == list(empty)
    assert [c.dtype for c in full.values()] == [c.dtype for c in empty.values()]
    assert {c.size for c in empty.values()} == {0}


@pytest.mark.parametrize(
    ("labels", "channel", "size", "error", "named"),
    [
        (np.ones((3, 3)), None, 1.0, TypeError, "float64"),
        (np.ones((3, 3), bool), None, 1.0, TypeError, "bool"),
        (np.ones(3, np.int32), None, 1.0, ValueError, r"\(3,\)"),
        (np.ones((0, 3), np.int32), None, 1.0, ValueError, r"\(0, 3\)"),
        (np.full((2, 2), 2**40), None, 1.0, ValueError, "1099511627776"),
        (np.full((2, 2), -4), None, 1.0, ValueError, "-4"),
        (np.ones((3, 3), int), np.ones((3, 4)), 1.0, ValueError, r"'x' has shape \(3, 4\)"),
        (np.ones((3, 3), int), np.full((3, 3), np.nan), 1.0, ValueError, "'x' holds NaN"),
        (np.ones((3, 3), int), np.ones((3, 3), complex), 1.0, TypeError, "complex128"),
        (np.ones((3, 3), int), None, 0.0, ValueError, "got 0.0"),
        (np.ones((3, 3), int), None, float("nan"), ValueError, "got nan"),
    ],
)
def test_bad_calls_are_named(
    labels: Any, channel: Any, size: float, error: type[Exception], named: str
) -> None:
    channels = {} if channel is None else {"x": channel}
    with pytest.raises(error, match=named):
        measure_objects(labels, channels, SETTINGS, size)


def test_settings_refuse_what_makes_no_sense() -> None:
    for wrong in (
        {"neighbour_radius_um": 0},
        {"background_width_px": 0},
        {"radius": 3},
        {"groups": ["hull", "hull"]},
        {"groups": ["colour"]},
    ):
        with pytest.raises(ValidationError):
            MeasureSettings.model_validate(wrong)


@pytest.mark.data
def test_annotated_nuclei_equal_scikit_image(data_folder: Path) -> None:
    """Every fortieth annotated field, with the masks' own gaps in their labels."""
    with (data_folder / "manifest.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["path"].startswith("nuclei_fluo")][::40]
    assert rows
    pixels = ("area", "area_bbox", "area_convex", "area_filled")
    lengths = (
        "equivalent_diameter_area",
        "feret_diameter_max",
        "perimeter",
        "perimeter_crofton",
        "axis_major_length",
        "axis_minor_length",
    )
    names = {
        "label": "label",
        **{name: f"{name}_px" for name in (*pixels, *lengths)},
        **{name: name for name in ("extent", "solidity", "eccentricity", "euler_number")},
        **{f"bbox-{i}": f"bbox_{end}_px" for i, end in enumerate(BOX)},
        **{f"centroid-{i}": f"centroid_{axis}_px" for i, axis in enumerate("yx")},
        **{f"inertia_tensor_eigvals-{i}": f"inertia_tensor_eigvals_{i}_px2" for i in range(2)},
        **{f"moments_hu-{i}": f"moments_hu_{i}" for i in range(7)},
        **{f"intensity_{name}": f"intensity_{name}_dna" for name in ("mean", "std", "min", "max")},
        **{
            f"centroid_weighted-{i}": f"centroid_weighted_{axis}_px_dna"
            for i, axis in enumerate("yx")
        },
    }
    properties = {name.split("-")[0] for name in names}
    for row in rows:
        path = str(data_folder / row["path"])
        image = tifffile.imread(path) if path.endswith("tif") else cv2.imread(path, -1)
        labels = cv2.imread(str(data_folder / row["mask"]), -1)
        assert image is not None
        assert labels is not None
        ours = everything(labels, image)
        theirs = regionprops_table(labels, image.astype(np.float64), properties=properties)
        for name, column in names.items():
            # Hu's moments of symmetric shapes are 0, and so is a line's short axis: scikit-image
            # leaves the rounding of what cancels.
            atol = 1e-12 if "hu" in name else 1e-7 if "minor" in name or "ecc" in name else 0
            np.testing.assert_allclose(
                ours[column], theirs[name], rtol=1e-9, atol=atol, err_msg=column
            )


@pytest.mark.parametrize("masked", ["labels", "channel 'dna'"])
def test_a_mask_that_nothing_would_see_is_refused(masked: str) -> None:
    labels, image = two_fields()
    given: dict[str, Any] = {"labels": labels, "channel 'dna'": image}
    given[masked] = np.ma.masked_less(given[masked], 3)
    with pytest.raises(TypeError, match=f"{masked} must have no mask"):
        measured(given["labels"], given["channel 'dna'"])


def test_lists_are_refused_by_name() -> None:
    labels, image = two_fields()
    with pytest.raises(TypeError, match="channel 'dna' must be a numpy array, not list"):
        measured(labels, image.tolist())
