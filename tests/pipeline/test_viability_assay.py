"""The viability assay on simulated fields: accuracy, contradictions, zero cells, every column."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monolayer.assays.dye_channels import dye_channels
from monolayer.assays.dyed_cells import find_united
from monolayer.assays.viability import ASSAY, MEASURANDS
from monolayer.classify import ControlLot, ViabilitySettings, stain_named
from monolayer.errors import ConfigError
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.simulate.livedead.field import SimulatedLiveDead, simulate_livedead

from .livedead_plate import (
    LOTS,
    PIXEL_SIZE_UM,
    image_of,
    scene,
    settings_of,
    simulated,
    true_counts,
)

PI = {"hoechst": "hoechst", "pi": "pi"}


def method_with(lot: ControlLot, **given: Any) -> Method:
    viability = ViabilitySettings(stain=lot.stain, lot=lot, **given)
    return Method(assay="viability", viability=viability)


@pytest.fixture(scope="module")
def mixed() -> SimulatedLiveDead:
    """A field of about 66 cells, 70 % of them living."""
    return simulated("hoechst_pi", 0.7, 20)


@pytest.mark.parametrize("stain", list(LOTS))
def test_a_field_of_each_stain(stain: str) -> None:
    """Within three cells of the truth, each way; more is in test_viability_accuracy.py."""
    made = simulated(stain, 0.6, 31)
    roles = dict(zip(stain_named(stain).dyes, made.channels, strict=True))
    found = ASSAY.evaluate(image_of(made), roles, method_with(LOTS[stain]))
    assert found.problem is None
    live, dead = true_counts(made)
    assert int(found.row["n_live"] or 0) == pytest.approx(live, abs=3)
    assert int(found.row["n_dead"] or 0) == pytest.approx(dead, abs=3)


def test_every_column_is_named_and_every_named_column_is_there(mixed: SimulatedLiveDead) -> None:
    method = method_with(LOTS["hoechst_pi"])
    found = ASSAY.evaluate(image_of(mixed), PI, method)
    names = [name for name, _ in ASSAY.field_columns((), method)]
    assert sorted(found.row) == sorted(names)
    row = found.row | {"state": "ok", "well": "B02"}
    well = ASSAY.summarise_well([row, row], {}, method)
    assert list(well) == [name for name, _ in ASSAY.well_columns((), method)]
    plate = ASSAY.summarise_plate([well], method)
    assert list(plate) == [name for name, _ in ASSAY.plate_columns((), method)]


def test_control_wells_are_marked_and_left_out_of_the_plate(mixed: SimulatedLiveDead) -> None:
    method = method_with(LOTS["hoechst_pi"], control_wells=("A01",))
    row = ASSAY.evaluate(image_of(mixed), PI, method).row | {"state": "ok"}
    dead = row | {"n_live": 0, "n_dead": 60}
    control, *samples = (
        ASSAY.summarise_well([fields | {"well": well}], {}, method)
        for well, fields in (("A01", dead), ("B01", row), ("B02", row))
    )
    assert (control["well_role"], control["viability"]) == ("control", 0.0)
    assert samples[0]["well_role"] == "sample"
    plate = ASSAY.summarise_plate([control, *samples], method)
    assert plate["viability"] == row["viability"]


def test_numbers_add_up(mixed: SimulatedLiveDead) -> None:
    found = ASSAY.evaluate(image_of(mixed), PI, method_with(LOTS["hoechst_pi"]))
    row, objects = found.row, found.objects
    assert found.labels is not None
    assert row["n_objects"] == found.labels.max() == len(objects["label"])
    classes = [row[f"n_{name}"] for name in ("live", "dead", "indeterminate", "debris")]
    assert sum(int(n or 0) for n in classes) == objects["counted"].sum() < len(objects["label"])
    last = set(np.unique(found.labels[-1])) | set(np.unique(found.labels[:, -1]))
    assert set(objects["label"][~objects["counted"]]) == last - {0}
    area_cm2 = (512 * PIXEL_SIZE_UM * 1e-4) ** 2
    assert row["area_cm2"] == pytest.approx(area_cm2)
    assert row["density_live_cells_per_cm2"] == pytest.approx(int(row["n_live"] or 0) / area_cm2)
    assert row["control_lot"] == "LOT-1"
    assert row["measurand"] == MEASURANDS["adherent"]
    assert "no release" in str(row["measurand"])


def test_objects_carry_both_dyes_with_the_spill_taken_out(mixed: SimulatedLiveDead) -> None:
    objects = ASSAY.evaluate(image_of(mixed), PI, method_with(LOTS["hoechst_pi"])).objects
    live = objects["viability_class"] == "live"
    assert np.median(objects["signal_pi"][live]) > 40
    assert abs(np.median(objects["compensated_mean_pi"][live])) < 15
    product = objects["compensated_mean_pi"] * objects["area_px"]
    assert objects["compensated_sum_pi"] == pytest.approx(product)


def test_the_same_whatever_the_dtype_and_memory_order(mixed: SimulatedLiveDead) -> None:
    method = method_with(LOTS["hoechst_pi"])
    plain = ASSAY.evaluate(image_of(mixed), PI, method).row
    for change in (np.asfortranarray, lambda a: a.astype(np.float32)):
        channels = {dye: change(pixels) for dye, pixels in mixed.channels.items()}
        other = ASSAY.evaluate(replace(image_of(mixed), channels=channels), PI, method).row
        assert other["viability"] == plain["viability"]
        assert [other[f"n_{n}"] for n in ("live", "dead")] == [
            plain[f"n_{n}"] for n in ("live", "dead")
        ]


def test_an_unknown_pixel_size_leaves_micrometres_empty(mixed: SimulatedLiveDead) -> None:
    row = ASSAY.evaluate(image_of(mixed, None), PI, method_with(LOTS["hoechst_pi"])).row
    assert row["area_cm2"] is None
    assert row["density_live_cells_per_cm2"] is None
    assert str(row["density_live_cells_per_cm2_ci_method"]) == "none: pixel size unknown"
    assert 0.6 < float(row["viability"] or 0) < 0.8


def test_zero_cells_have_no_viability() -> None:
    empty = settings_of("hoechst_pi", scene=scene(256, 0.0))
    found = ASSAY.evaluate(
        image_of(simulate_livedead(empty, 1)), PI, method_with(LOTS["hoechst_pi"])
    )
    assert found.problem is None
    assert (found.row["n_live"], found.row["n_dead"]) == (0, 0)
    assert found.row["viability"] is None
    assert found.row["viability_reason"] == "no_cells"
    assert found.row["clump_fraction"] is None


def test_without_compensation_spill_over_makes_living_cells_dead() -> None:
    """What the matrix is for: 60 % spill-over, thresholds as they stand."""
    heavy = settings_of("hoechst_pi", viability=1.0, spillover=((1.0, 0.0), (0.6, 1.0)))
    made = simulate_livedead(heavy, 21)
    lot = LOTS["hoechst_pi"].model_copy(update={"spillover": ((1.0, 0.0), (0.6, 1.0))})
    rows = [
        ASSAY.evaluate(image_of(made), PI, method_with(lot, compensate=compensate)).row
        for compensate in (True, False)
    ]
    assert rows[0]["viability"] == 1.0
    assert rows[1]["viability"] != 1.0


class TestContradictions:
    @pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
    def test_swapped_channels_are_said(self, share: float) -> None:
        for stain in ("hoechst_pi", "calcein_ethd1"):
            cell, dead = stain_named(stain).dyes
            made = simulated(stain, share, 40)
            found = ASSAY.evaluate(
                image_of(made), {cell: dead, dead: cell}, method_with(LOTS[stain])
            )
            assert found.problem is not None, stain
            assert found.problem[0] == "swapped_channels"
            assert cell in found.problem[1]
            assert found.row == {}

    @pytest.mark.xfail(reason="both dyes stain nuclei of about one size: only names can tell")
    def test_swapped_ao_and_pi_are_said(self) -> None:
        """Living cells then look like dead ones: PI where AO is all but quenched."""
        made = simulated("ao_pi", 0.9, 40)
        found = ASSAY.evaluate(image_of(made), {"ao": "pi", "pi": "ao"}, method_with(LOTS["ao_pi"]))
        assert found.problem is not None

    def test_a_stain_that_failed_is_said(self) -> None:
        made = simulate_livedead(settings_of("hoechst_pi", viability=0.3, missing=("hoechst",)), 41)
        found = ASSAY.evaluate(image_of(made), PI, method_with(LOTS["hoechst_pi"]))
        assert found.problem is not None
        assert "hoechst failed" in found.problem[1]

    def test_another_lots_spill_over_is_said(self) -> None:
        made = simulated("hoechst_pi", 1.0, 40)
        lot = LOTS["hoechst_pi"].model_copy(update={"spillover": ((1.0, 0.05), (0.9, 1.0))})
        found = ASSAY.evaluate(image_of(made), PI, method_with(lot))
        assert found.problem is not None
        assert found.problem[0] == "over_compensated"

    def test_another_objective_is_refused(self, mixed: SimulatedLiveDead) -> None:
        found = ASSAY.evaluate(image_of(mixed, 0.325), PI, method_with(LOTS["hoechst_pi"]))
        assert found.problem is not None
        assert found.problem[0] == "other_pixel_size"

    @pytest.mark.parametrize(
        ("level", "reason"), [(100, "blank"), (4095, "saturated"), (np.nan, "not_finite")]
    )
    def test_a_useless_second_channel_is_refused(
        self,
        mixed: SimulatedLiveDead,
        level: float,
        reason: str,
    ) -> None:
        pixels = np.full((512, 512), level, np.float32)
        if reason != "blank":
            pixels[:480] = 100
        channels: dict[str, Any] = {**mixed.channels, "pi": pixels}
        found = ASSAY.evaluate(
            replace(image_of(mixed), channels=channels), PI, method_with(LOTS["hoechst_pi"])
        )
        assert found.problem is not None
        assert found.problem[0] == reason
        assert "channel pi" in found.problem[1]


class TestRoles:
    def test_by_name_and_by_setting(self) -> None:
        method = method_with(LOTS["hoechst_pi"])
        assert ASSAY.roles(["PI", "DAPI"], method) == {"hoechst": "DAPI", "pi": "PI"}
        given = ViabilitySettings(cell_channel="w1", dead_channel="w2")
        assert dye_channels(["w1", "w2"], given) == {"hoechst": "w1", "pi": "w2"}

    @pytest.mark.parametrize(
        ("channels", "given", "words"),
        [
            (["w1", "w2"], {}, r"named after hoechst \(found: w1, w2\).*viability.cell_channel"),
            (["DAPI"], {}, r"named after pi \(found: DAPI\).*dead_channel"),
            ([], {}, "found: none"),
            (["w1"], {"cell_channel": "w1", "dead_channel": "w2"}, "'w2' is not among"),
            (["w1"], {"cell_channel": "w1", "dead_channel": "w1"}, "cannot share channel 'w1'"),
            (["DAPI", "PI"], {"cell_channel": "PI", "dead_channel": "DAPI"}, "look swapped"),
        ],
    )
    def test_a_channel_that_is_not_there(
        self, channels: list[str], given: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            dye_channels(channels, ViabilitySettings(**given))

    def test_a_method_without_controls_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"lot is missing.*monolayer controls"):
            ASSAY.roles(["DAPI", "PI"], Method(assay="viability"))

    def test_compensation_without_single_stains_is_refused(self) -> None:
        lot = ControlLot(id="A7", stain="hoechst_pi", dead_band=(60, 170))
        with pytest.raises(ConfigError, match=r"'A7' has no spill-over.*compensate to false"):
            ASSAY.roles(["DAPI", "PI"], method_with(lot))
        assert ASSAY.roles(["DAPI", "PI"], method_with(lot, compensate=False))


class TestUnitedCells:
    def test_a_body_with_a_dead_nucleus_is_one_dead_cell(
        self,
    ) -> None:
        calcein, ethidium = (np.full((160, 160), 100.0, np.float32) for _ in range(2))
        noise = np.random.default_rng(8)
        for y, x in ((40, 40), (40, 120), (120, 40)):
            calcein[y - 20 : y + 20, x - 15 : x + 15] += 250
        for y, x in ((40, 120), (120, 120)):
            ethidium[y - 7 : y + 7, x - 7 : x + 7] += 500
        channels = {
            "calcein": (calcein + noise.normal(0, 4, calcein.shape)).astype(np.float32),
            "ethd1": (ethidium + noise.normal(0, 4, calcein.shape)).astype(np.float32),
        }
        image = FieldImage(channels, PIXEL_SIZE_UM)
        method = method_with(LOTS["calcein_ethd1"])
        roles = {"calcein": "calcein", "ethd1": "ethd1"}
        cells = find_united(image, roles, method, 60.0)
        assert cells.n == 4
        found = ASSAY.evaluate(image, roles, method)
        assert (found.row["n_live"], found.row["n_dead"]) == (2, 2)
        both = found.objects["viability_class"] == "dead"
        assert sorted(found.objects["compensated_mean_calcein"][both] > 100) == [False, True]

    def test_spill_of_living_bodies_makes_no_dead_nuclei(
        self,
    ) -> None:
        made = simulated("calcein_ethd1", 1.0, 40)
        roles = {"calcein": "calcein", "ethd1": "ethd1"}
        row = ASSAY.evaluate(image_of(made), roles, method_with(LOTS["calcein_ethd1"])).row
        assert row["n_dead"] == 0
        assert int(row["n_live"] or 0) > 10
