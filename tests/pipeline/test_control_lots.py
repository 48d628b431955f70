"""A lot from its controls: what it holds, and the controls that are refused with a sentence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from monolayer.classify import ControlLot, ViabilitySettings
from monolayer.classify.lots import Controls, ControlSignals, make_lot, needed_singles
from monolayer.errors import ConfigError
from monolayer.method import Method, commented_method, load_method

SETTINGS = ViabilitySettings()


def signals(cell: float, dead: float, n: int = 150, seed: int = 0) -> ControlSignals:
    """Objects of 500 px around these two signals, 5 % apart."""
    rng = np.random.default_rng(seed)
    spread = 1 + 0.05 * rng.standard_normal((n, 1))
    return ControlSignals(spread * [cell, dead] + rng.normal(0, 2, (n, 2)), np.full(n, 500.0))


@pytest.fixture
def controls() -> Controls:
    """Hoechst spills 20 % into PI, PI 5 % into Hoechst."""
    single = {"hoechst": signals(300, 60, seed=1), "pi": signals(25, 500, seed=2)}
    return Controls(single["hoechst"], signals(325, 560, seed=3), single)


def test_what_a_lot_holds(controls: Controls) -> None:
    lot = make_lot(controls, SETTINGS, 0.65)
    assert lot.spillover is not None
    assert lot.spillover[1][0] == pytest.approx(0.2, abs=0.005)
    assert lot.spillover[0][1] == pytest.approx(0.05, abs=0.005)
    low, high = lot.dead_band
    # Compensated, living cells hold no PI and killed ones 500.
    assert 100 < low < high < 400
    assert lot.dead_youden_index == 1
    assert lot.content == pytest.approx((300 * 500, 500 * 500), rel=0.05)
    assert lot.size_px == pytest.approx((500, 500))
    assert lot.cell_least == pytest.approx(270, rel=0.1)
    assert lot.n_objects["killed"] == 150
    assert lot.cell_band is None


def test_the_same_controls_make_the_same_id_and_others_another(controls: Controls) -> None:
    first, again = (make_lot(controls, SETTINGS, 0.65) for _ in range(2))
    other = make_lot(replace(controls, killed=signals(325, 570, seed=3)), SETTINGS, 0.65)
    assert first == again
    assert first.id.startswith("hoechst_pi-")
    assert other.id != first.id
    assert make_lot(controls, SETTINGS, 0.65, "LOT-7").id == "LOT-7"


def test_debris_in_the_controls_moves_nothing(controls: Controls) -> None:
    dirt = ControlSignals(np.array([[5.0, 3.0]] * 12), np.full(12, 500.0))
    specks = ControlSignals(np.array([[300.0, 900.0]] * 12), np.full(12, 20.0))
    dirty = replace(
        controls,
        killed=ControlSignals.pooled([controls.killed, dirt]),
        unstained=ControlSignals.pooled([controls.unstained, specks]),
    )
    assert make_lot(dirty, SETTINGS, 0.65, "a") == make_lot(controls, SETTINGS, 0.65, "a")


def test_a_stain_that_unites_has_a_limit_for_the_living_too() -> None:
    settings = ViabilitySettings(stain="calcein_ethd1")
    single = {"calcein": signals(400, 20, seed=1), "ethd1": signals(10, 500, seed=2)}
    lot = make_lot(Controls(single["calcein"], signals(12, 520, seed=3), single), settings, None)
    assert lot.cell_band is not None
    assert 0 < lot.cell_band[0] < lot.cell_band[1] < 400
    assert lot.cell_least is None


def test_without_compensation_no_single_stains_are_needed(controls: Controls) -> None:
    settings = ViabilitySettings(compensate=False)
    lot = make_lot(replace(controls, single={}), settings, 0.65)
    assert lot.spillover is None
    # Hoechst's spill is now part of what living cells show.
    assert lot.dead_band[0] > make_lot(controls, SETTINGS, 0.65).dead_band[0] + 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"single": {}}, "hoechst and pi are missing.*never assumed"),
        ({"single": {"hoechst": signals(300, 60)}}, r"of pi are missing.*--single pi=WELLS"),
        ({"unstained": signals(300, 60, n=40)}, "unstained control has 40 objects.*need hoechst"),
        ({"killed": signals(325, 62)}, r"do not part by pi.*wells.*swapped"),
        (
            {"single": {"hoechst": signals(60, 300), "pi": signals(25, 500)}},
            "single-stain hoechst control is 5 times as bright in the channel of pi",
        ),
        (
            {"single": {"hoechst": signals(300, 60), "pi": signals(500, 25)}},
            "single-stain pi control is 20 times as bright",
        ),
    ],
)
def test_controls_that_cannot_be_used(
    controls: Controls, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        make_lot(replace(controls, **change), SETTINGS, 0.65)


def test_a_kill_that_was_not_complete(controls: Controls) -> None:
    """Survivors and dying cells: the controls still part well, but the limit would sink."""
    rng = np.random.default_rng(9)
    half = ControlSignals(
        np.stack((np.full(60, 325.0), 65 + rng.uniform(0, 450, 60)), axis=1), np.full(60, 500.0)
    )
    killed = ControlSignals.pooled([controls.killed, half])
    with pytest.raises(ConfigError, match=r"less than a quarter of the usual.*not complete"):
        make_lot(replace(controls, killed=killed), SETTINGS, 0.65)


def test_controls_that_overlap(controls: Controls) -> None:
    rng = np.random.default_rng(10)
    smeared = controls.unstained.signals + [[0, 1]] * rng.normal(0, 300, (150, 1))
    with pytest.raises(ConfigError, match=r"would be indeterminate by pi.*overlap"):
        make_lot(
            replace(controls, unstained=ControlSignals(smeared, np.full(150, 500.0))),
            SETTINGS,
            0.65,
        )


def test_a_dye_of_another_stain_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--single dapi: the dyes of hoechst_pi are hoechst and"):
        needed_singles(SETTINGS, {"dapi": ()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dead_band": (9, 3)}, "dead_band .* must not fall"),
        ({"spillover": ((0, 0.1), (0.1, 0))}, "ones on its diagonal"),
        ({"spillover": ((1, -0.1), (0.1, 1))}, "greater than or equal to 0"),
        ({"dead_band": (1, float("inf"))}, "finite"),
        ({"stain": "mtt"}, "hoechst_pi"),
    ],
)
def test_a_lot_written_by_hand_is_checked(change: dict[str, Any], words: str) -> None:
    given = {"id": "a", "stain": "hoechst_pi", "dead_band": (1, 2)} | change
    with pytest.raises(ValidationError, match=words):
        ControlLot(**given)


def test_a_lot_of_another_stain_is_refused() -> None:
    lot = ControlLot(id="a", stain="ao_pi", dead_band=(1, 2))
    with pytest.raises(ValidationError, match="'a' was measured with ao_pi, not hoechst_pi"):
        ViabilitySettings(lot=lot)


def test_a_lot_goes_through_the_method_file_unchanged(controls: Controls, tmp_path: Path) -> None:
    lot = make_lot(controls, SETTINGS, 0.65)
    method = Method(assay="viability", viability=ViabilitySettings(lot=lot))
    path = tmp_path / "method.yaml"
    path.write_text(commented_method(method), encoding="utf-8")
    assert load_method(path).viability.lot == lot
    assert load_method(path).sha256 == method.sha256
