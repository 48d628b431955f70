"""Capacity: the worked figures, laws that a simulated run must obey, and the page's own numbers."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from benchmarks import capacity as page
from benchmarks.capacity_figure import figure, walls
from pydantic import ValidationError

from monolayer.capacity import doses, imaging, rates
from monolayer.capacity.farm import EngineCosts, Farm, Load, field_seconds
from monolayer.capacity.model import Queue, SimulatedRun, simulate_run
from monolayer.capacity.shards import simulate_shards
from monolayer.engine.ledger import source_signature
from monolayer.engine.plan import make_plan
from monolayer.method import Method
from monolayer.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
NEED, VESSEL, CAMERA = doses.DoseSettings(), doses.VesselSettings(), imaging.CameraSettings()
QUIET = Farm(
    workers=10, workers_per_node=10, queue_s=0.0, start_s=0.0, deaths_per_worker_hour=0.0,
    losses_per_node_hour=0.0, disk_mb_per_s=1e9, metadata_operations_per_s=1e9,
)  # fmt: skip
FREE = EngineCosts(
    driver_s_per_chunk=0.0, plan_s_per_field=0.0, tables_s_per_field=0.0,
)  # fmt: skip
EVEN = Load(n_fields=10_000, field_s=0.25, field_cv=0.0, poison_fraction=0.0)


Given = TypeVar("Given", bound=Settings)
Run = Callable[..., SimulatedRun]


def changed(settings: Given, **values: object) -> Given:
    return type(settings).model_validate(settings.model_dump() | values)


# Doses to area, vessels and images ---------------------------------------------------------------


def test_from_doses_to_vessels() -> None:
    assert doses.cells_at_harvest_per_year(NEED) == pytest.approx(1.652e13, rel=5e-4)
    assert doses.area_per_year_cm2(NEED, VESSEL) == pytest.approx(5.506e8, rel=1e-4)
    assert doses.vessels_per_year(NEED, VESSEL) == 21_644
    assert doses.vessels_harvested_per_day(NEED, VESSEL) == pytest.approx(61.8, abs=0.05)
    assert doses.vessels_in_culture(NEED, VESSEL) == 309
    litres = doses.suspension_litres_per_year(NEED, 5e5)
    assert litres == pytest.approx(33_037, abs=0.5)
    assert litres / 2000 == pytest.approx(16.5, abs=0.05)


def test_w16_doses_of_one_stack() -> None:
    assert doses.doses_per_lot(NEED, VESSEL) == 4
    assert doses.doses_per_lot(NEED, VESSEL, vessels=100) == 486


def test_w17_cost_per_dose() -> None:
    cost = [doses.cost_per_dose_eur(40, 220e3, 4e6, *case)
            for case in ((0.90, 500), (0.85, 450), (0.95, 625))]  # fmt: skip
    assert cost == pytest.approx([711.11, 836.60, 538.95], abs=0.005)
    assert cost[1] / cost[0] - 1 == pytest.approx(0.176, abs=5e-4)


def test_imaging_loads() -> None:
    daily = imaging.planar_fields_per_day(NEED, VESSEL, 20, 1)
    assert daily * CAMERA.frame_mp / 1e3 == pytest.approx(34.2, abs=0.05)
    assert imaging.planar_mp_per_s(daily, CAMERA, 8) == pytest.approx(1.19, abs=0.005)
    assert imaging.planar_mp_per_s(6 * daily, CAMERA, 24) == pytest.approx(2.37, abs=0.005)
    assert imaging.whole_layer_mp(636, CAMERA) == pytest.approx(24_100, rel=1e-3)
    layer = imaging.whole_layer_mp_per_s(NEED, VESSEL, CAMERA, 636, 1)
    assert layer == pytest.approx(86, abs=0.5)
    assert imaging.plates_mp_per_s(10, 96, 9, 3, 2048, 1) == pytest.approx(30.2, abs=0.05)
    assert imaging.carriers_mp_per_s(1, 3, 50, 3, CAMERA) == pytest.approx(0.029, abs=5e-4)


def test_a_core_does_less_on_packed_files_and_slower_assays() -> None:
    nuclei = rates.ASSAYS["nuclei"]
    by_file = [rates.rate_mp_per_s(nuclei, kind) for kind in ("none", "zstd", "deflate", "LZW")]
    assert by_file == sorted(by_file, reverse=True)
    seconds = 2 * rates.MEASURED_MP / 160 + 0.015 + 0.187
    assert by_file[-1] == pytest.approx(rates.MEASURED_MP / seconds)


def test_cores_and_their_price() -> None:
    assert rates.cores_needed(86.1, 43.5) == math.ceil(86.1 / 43.5 / 0.7) == 3
    # 100 MP/s on cores of 25 MP/s all year: 35,040 core hours at 4 cent, over 100,000 doses.
    assert rates.eur_per_dose(100, 24, 25, 0.04, 100_000) == pytest.approx(0.014016)


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (doses.DoseSettings, {"harvested_fraction": 1.1}),
        (doses.DoseSettings, {"doses_per_year": 0}),
        (doses.VesselSettings, {"area": 1}),
        (Load, {"n_fields": 0}),
        (Load, {"poison_fraction": -0.1}),
        (Farm, {"workers": 0}),
        (EngineCosts, {"driver_s_per_chunk": -1}),
    ],
)
def test_impossible_settings_are_refused(
    settings: type[Settings], values: dict[str, float]
) -> None:
    with pytest.raises(ValidationError):
        settings(**values)


# The simulated engine ----------------------------------------------------------------------------


@pytest.mark.parametrize("run", [simulate_run, simulate_shards])
def test_without_friction_work_divides_by_the_workers(run: Run) -> None:
    for workers in (1, 10, 50):
        ran = run(EVEN, FREE, changed(QUIET, workers=workers))
        assert ran.wall_s == pytest.approx(10_000 * 0.25 / workers, rel=1e-4)
        assert ran.efficiency == pytest.approx(1.0, rel=1e-4)
        with_driver = workers + (run is simulate_run)
        assert ran.core_hours == pytest.approx(with_driver * ran.wall_s / 3600, rel=1e-3)
        assert (ran.n_deaths, ran.n_retried, ran.n_quarantined) == (0, 0, 0)


@pytest.mark.parametrize("run", [simulate_run, simulate_shards])
def test_one_seed_is_one_run_and_two_are_two(run: Run) -> None:
    load = changed(EVEN, field_cv=0.5)
    farm = changed(QUIET, deaths_per_worker_hour=5.0, queue_s=30.0)
    same = [run(load, EngineCosts(), farm, seed) for seed in (3, 3, 4)]
    assert same[0] == same[1]
    assert same[0].wall_s != same[2].wall_s


def test_no_run_beats_its_slowest_part() -> None:
    slow = {
        "driver": (changed(FREE, driver_s_per_chunk=0.2), QUIET, 400 * 0.2),
        "disk": (FREE, changed(QUIET, disk_mb_per_s=100.0), 10_000 * EVEN.field_mb / 100),
        "metadata": (FREE, changed(QUIET, workers=100, metadata_operations_per_s=100.0),
                     10_000 * 3 / 100),
    }  # fmt: skip
    for name, (costs, farm, floor_s) in slow.items():
        farm = changed(farm, workers=100)
        ran = simulate_run(EVEN, costs, farm)
        assert ran.fields_s >= floor_s
        assert ran.bottleneck == name
        assert ran.busy[name] > 0.9


def test_each_hindrance_costs_time() -> None:
    load, farm = changed(EVEN, field_cv=0.3), changed(QUIET, workers=100)
    base = simulate_run(load, FREE, farm).wall_s
    for costs, where in (
        (changed(FREE, plan_s_per_field=1e-3), farm),
        (changed(FREE, tables_s_per_field=1e-3), farm),
        (changed(FREE, driver_s_per_chunk=0.1), farm),
        (FREE, changed(farm, start_s=20.0)),
        (FREE, changed(farm, queue_s=100.0)),
        (FREE, changed(farm, deaths_per_worker_hour=20.0)),
        (FREE, changed(farm, losses_per_node_hour=60.0)),
        (FREE, changed(farm, disk_mb_per_s=1000.0)),
    ):
        assert simulate_run(load, costs, where).wall_s > base


def test_a_field_that_kills_its_worker_takes_no_other_with_it() -> None:
    load = changed(EVEN, poison_fraction=0.001)
    ran = simulate_run(load, FREE, changed(QUIET, restart_s=2.0), seed=1)
    poisoned = ran.n_quarantined
    assert poisoned >= 3
    assert ran.n_deaths == 3 * poisoned  # one in company, two alone
    assert ran.n_retried >= poisoned  # the rest of its chunk, and what was waiting behind it
    assert ran.quarantine_s == pytest.approx(poisoned * 2 * (0.125 + 2.0), rel=0.01)
    useful_s = ran.efficiency * QUIET.workers * ran.wall_s
    assert useful_s == pytest.approx((10_000 - poisoned) * 0.25, rel=1e-9)


def test_every_field_is_counted_once_whatever_dies() -> None:
    farm = changed(QUIET, workers=40, deaths_per_worker_hour=60.0, losses_per_node_hour=20.0)
    ran = simulate_run(EVEN, FREE, changed(farm, queue_s=5.0), seed=2)
    assert ran.n_deaths > 40
    useful_s = ran.efficiency * 40 * ran.wall_s
    assert useful_s == pytest.approx(10_000 * 0.25, rel=1e-9)
    ran = simulate_shards(EVEN, FREE, changed(farm, queue_s=5.0), seed=2)
    assert ran.n_deaths > 10
    assert ran.efficiency * 40 * ran.wall_s == pytest.approx(10_000 * 0.25, rel=1e-9)


def test_shards_that_each_plan_ask_too_much() -> None:
    load, farm = changed(EVEN, n_fields=100_000), changed(QUIET, workers=200)
    farm = changed(farm, metadata_operations_per_s=20_000.0)
    costs = EngineCosts(plan_s_per_field=0.0, tables_s_per_field=0.0)
    every = simulate_shards(load, costs, farm)
    own = simulate_shards(load, changed(costs, each_shard_plans=False), farm)
    assert every.plan_s == pytest.approx(
        200 * 100_000 * costs.questions_per_field / 20_000, rel=0.01
    )
    assert own.plan_s == pytest.approx(every.plan_s / 200, rel=0.01)


def test_planning_asks_as_often_as_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[int, int] = {}
    calls: list[str] = []
    for n_fields in (10, 30):
        page.write_fields(tmp_path / str(n_fields), n_fields, 64)
        calls.clear()
        with monkeypatch.context() as patch:
            # `Path.stat` asks by `os.stat`.
            for owner, name in ((os, "stat"), (Path, "open")):
                real = getattr(owner, name)

                def counted(file: Any, *args: Any, real: Any = real, **options: Any) -> Any:
                    calls.append(str(file))
                    return real(file, *args, **options)

                patch.setattr(owner, name, counted)
            plan = make_plan(tmp_path / str(n_fields), Method())
            for field in plan.fields:
                source_signature(field, plan.root, "")
        asked[n_fields] = len(calls)
    assert (asked[30] - asked[10]) / 20 == EngineCosts().questions_per_field


def test_more_shards_than_fields() -> None:
    ran = simulate_shards(changed(EVEN, n_fields=3), FREE, QUIET)
    assert ran.wall_s == pytest.approx(0.25)


def test_a_queue_serves_one_at_a_time() -> None:
    queue = Queue()
    assert [queue.serve(0.0, 2.0), queue.serve(1.0, 2.0), queue.serve(9.0, 2.0)] == [2.0, 4.0, 11.0]
    assert queue.busy_s == 6.0


def test_a_mean_field_is_as_long_as_asked() -> None:
    load = Load(n_fields=200_000, field_s=0.26, field_cv=0.4)
    drawn = field_seconds(load, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.26, rel=0.01)
    assert drawn.std() / drawn.mean() == pytest.approx(0.4, rel=0.02)


# The page ----------------------------------------------------------------------------------------


def test_the_page_holds_what_the_command_prints() -> None:
    text = (DOCS / "capacity.md").read_text(encoding="utf-8")
    printed = [*page.demand(), *page.cores(), *page.scaling(workers=(1000,))]
    assert len(printed) > 20
    assert [line for line in printed if line not in text] == []


def test_the_picture_shows_the_page() -> None:
    lines = (DOCS / "capacity.md").read_text(encoding="utf-8").splitlines()
    found = walls(lines)
    assert {name: len(points) for name, points in found.items()} == dict.fromkeys(found, 5)
    assert len(found) == 3
    assert found["driver"][0] == (1, 84.0)
    assert figure(lines) == (DOCS / "images" / "capacity.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_holds_more_simulated_rows() -> None:
    text = (DOCS / "capacity.md").read_text(encoding="utf-8")
    some = ("tables and report ten times as fast", "100 fields that kill their worker")
    printed = [*page.scaling(workers=(100,)), *page.changes(only=some)]
    assert len(printed) == 9
    assert [line for line in printed if line not in text] == []


@pytest.mark.slow
def test_a_simulated_run_takes_what_a_real_one_does(tmp_path: Path) -> None:
    """Two workers: fields' own seconds in, the clock of the whole out."""
    page.write_fields(tmp_path / "images", 48, 192)
    seconds, took_s, start_s = page.real_run(tmp_path, 2)
    assert len(seconds) == 48
    assert page.predicted_s(seconds, 2, start_s) == pytest.approx(took_s, rel=0.5)
