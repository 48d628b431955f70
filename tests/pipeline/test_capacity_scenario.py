"""Scenarios: cost and need of a yearly output, tornado, Monte Carlo, a day of earlier harvest."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from monolayer.capacity.page import unchanged
from monolayer.capacity.scenario import Scenario, changed, need_of
from monolayer.capacity.sensitivity import (
    density_after,
    harvest_days,
    monte_carlo,
    tornado,
    worth_of_a_day,
)
from monolayer.cli import _exit_code as cli
from monolayer.settings import Settings


def scenario(**sections: Any) -> Scenario:
    return Scenario.model_validate({"draws": 300} | sections)


def w17(success: float, per_vessel: float = 1.0) -> float:
    """40 lots of EUR 220,000, EUR 4 million fixed; 103 stacks are 500 doses, scaled to others."""
    site = scenario(
        ranges=(),
        doses={"success_fraction": success},
        vessel={"density_at_harvest_per_cm2": 30_000 * per_vessel},
        facility={"vessels_per_lot": 103, "lots_per_year": 40, "eur_per_incubator_year": 0},
        cost={"eur_per_vessel": 150_000 / 103},
    )
    need = need_of(site)
    assert need is not None
    return need.eur_per_dose


def test_w17_through_a_scenario() -> None:
    assert w17(0.90) == pytest.approx(711.11, abs=0.005)
    assert w17(0.85, 0.9) == pytest.approx(836.60, abs=0.005)
    assert w17(0.95, 1.25) == pytest.approx(538.95, rel=2e-3), "626 whole doses, not 625"


def test_w16_doses_of_a_stack_and_what_100000_doses_ask_for() -> None:
    one = need_of(scenario(facility={"vessels_per_lot": 1}, ranges=()))
    assert one is not None
    assert one.doses_per_lot == 4
    need = need_of(scenario())
    assert need is not None
    assert need.doses_per_lot == 486
    assert need.lots == math.ceil(100_000 / (0.95 * 486))
    assert need.vessels == need.lots * 100
    assert need.vessels_in_culture == math.ceil(need.vessels / 350 * 5)
    assert need.incubators == math.ceil(need.vessels / 350 * 6 / 8)
    assert need.mp_per_s == pytest.approx(1.19, abs=0.01)
    assert need.cores == 1
    spent = need.lots * 220_000 + 4e6 + need.incubators * 6000
    assert need.eur_per_dose == pytest.approx(spent / (need.lots * 0.95 * 486))
    assert need.eur_per_million_cells == pytest.approx(need.eur_per_dose / 100)
    assert need.eur == pytest.approx(spent)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 1), st.floats(0.05, 1))
def test_a_better_process_costs_no_more(low: float, high: float) -> None:
    low, high = sorted((low, high))
    fixed = scenario(facility={"lots_per_year": 50}, ranges=())
    for setting in ("doses.success_fraction", "doses.harvested_fraction", "doses.thawed_fraction"):
        worse, better = (need_of(changed(fixed, {setting: value})) for value in (low, high))
        if worse is not None:
            assert better is not None
            assert better.eur_per_dose <= worse.eur_per_dose * (1 + 1e-12)


def test_royalties_are_paid_for_doses() -> None:
    plain, paid = (need_of(scenario(cost={"royalty_eur_per_dose": r}, ranges=())) for r in (0, 25))
    assert plain is not None
    assert paid is not None
    assert paid.eur_per_dose == pytest.approx(plain.eur_per_dose + 25)


def test_tornado_is_each_setting_alone_widest_first() -> None:
    site = scenario()
    swings = tornado(site)
    assert {each.setting for each in swings} == {each.setting for each in site.ranges}
    widths = [each.width for each in swings]
    assert widths == sorted(widths, reverse=True)
    by_name = {each.setting: each for each in swings}
    success = by_name["doses.success_fraction"]
    need = need_of(changed(site, {"doses.success_fraction": 0.85}))
    assert need is not None
    assert success.eur_at_low == need.eur_per_dose
    assert by_name["cost.qc_eur_per_lot"].eur_at_low < by_name["cost.qc_eur_per_lot"].eur_at_high  # type: ignore[operator]


def test_monte_carlo_without_ranges_is_lots_that_fail() -> None:
    """SIMULATED; binomial by hand: released lots of 50 at 90 %."""
    site = scenario(ranges=(), draws=4000, facility={"lots_per_year": 50},
                    doses={"success_fraction": 0.9})  # fmt: skip
    chance = monte_carlo(site)
    assert chance is not None
    released = chance.doses / 486
    assert released.mean() == pytest.approx(45, abs=0.15)
    assert released.std() == pytest.approx(math.sqrt(50 * 0.9 * 0.1), rel=0.05)
    need = need_of(site)
    assert need is not None
    assert chance.quantile(0.5) == pytest.approx(need.eur_per_dose, rel=1e-6)


def test_monte_carlo_stays_within_its_ranges_and_repeats() -> None:
    site = scenario()
    first, second = monte_carlo(site), monte_carlo(site)
    assert first is not None
    assert second is not None
    assert np.array_equal(first.eur_per_dose, second.eur_per_dose)
    other = monte_carlo(site.model_copy(update={"seed": 2}))
    assert other is not None
    assert not np.array_equal(first.eur_per_dose, other.eur_per_dose)
    best = {r.setting: (r.low if r.setting.startswith("cost") else r.high) for r in site.ranges}
    floor = need_of(changed(site, best | {"doses.success_fraction": 1.0}), first.lots)
    assert floor is not None
    cheapest, dear = first.quantile(0.0), first.quantile(0.95)
    assert cheapest is not None
    assert dear is not None
    assert floor.eur_per_dose < cheapest < dear
    share = float(np.mean(first.eur_per_dose <= 540))
    assert first.probability_of_price == pytest.approx(share)


def test_lots_that_all_fail_cost_without_end_and_break_nothing() -> None:
    site = scenario(ranges=(), doses={"success_fraction": 0.3}, facility={"lots_per_year": 2})
    chance = monte_carlo(site)
    assert chance is not None
    assert chance.quantile(0.99) is None
    assert float(np.mean(np.isinf(chance.eur_per_dose))) == pytest.approx(0.49, abs=0.08)


def test_json_of_years_without_a_dose_is_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text(
        "ranges: []\ndraws: 200\ndoses: {success_fraction: 0.3}\nfacility: {lots_per_year: 2}\n"
    )
    assert cli(["capacity", str(tmp_path / "s.yaml"), "--json"]) == 0

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    told = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert told["monte_carlo"][-1]["eur_per_dose"] is None
    assert cli(["capacity", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "OUT")]) == 0
    assert "to without end (90 %)" in capsys.readouterr().out


def test_a_day_is_worth_what_both_days_cost() -> None:
    site = scenario()
    assert density_after(site, 0) == pytest.approx(30_000)
    step = 1e-4
    slope = (density_after(site, step) - density_after(site, -step)) / (2 * step)
    rate = math.log(2) * 24 / 30
    assert slope == pytest.approx(rate * 30_000 * (1 - 30 / 45), rel=1e-5)
    days = harvest_days(site)
    by_shift = {day.shift_days: day for day in days}
    now, earlier = by_shift[0.0].need, by_shift[-1.0].need
    assert now is not None
    assert earlier is not None
    assert now == need_of(site)
    assert worth_of_a_day(days) == now.eur_per_dose - earlier.eur_per_dose
    assert by_shift[1.0].success_fraction == pytest.approx(0.91)


def test_near_the_plateau_an_earlier_day_saves_and_in_growth_it_costs() -> None:
    cost = {"eur_per_vessel_day": 30}
    crowded = scenario(ranges=(), cost=cost, timing={"plateau_per_cm2": 30_050.0})
    growing = scenario(ranges=(), cost=cost, timing={"plateau_per_cm2": 300_000.0})
    late, early = (worth_of_a_day(harvest_days(site)) for site in (crowded, growing))
    assert late is not None
    assert early is not None
    assert early < 0 < late


def test_shifts_without_time_or_success_are_no_numbers() -> None:
    site = scenario(ranges=(), timing={"days": [-9.0, 30.0]})
    days = {day.shift_days: day for day in harvest_days(site)}
    assert -9.0 not in days
    assert days[30.0].need is None


def test_what_is_left_as_in_the_example_is_named() -> None:
    site = scenario(ranges=(), cost={"qc_eur_per_lot": 1234.0})
    assert "cost.qc_eur_per_lot" not in unchanged(site)
    assert "cost.eur_per_vessel" in unchanged(site)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli(["init", "--scenario"]) == 0
    text = Path("scenario.yaml").read_text().replace("draws: 4000", "draws: 300")
    Path("scenario.yaml").write_text(text)
    assert cli(["capacity", "scenario.yaml", "-o", "OUT"]) == 0
    names = ("harvest_days", "monte_carlo", "need", "tornado")
    wanted = [f"{name}.{suffix}" for name in names for suffix in ("csv", "parquet")]
    assert sorted(p.name for p in Path("OUT").iterdir()) == sorted([*wanted, "report.html"])
    page = Path("OUT/report.html").read_text()
    for words in ("What is one day of earlier harvest worth?", "SIMULATED", "ASSUMPTIONS"):
        assert words in page
    before = Path("OUT/report.html").read_bytes()
    assert cli(["capacity", "scenario.yaml", "-o", "OUT"]) == 0
    assert Path("OUT/report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("doses: {success_fraction: 1.2}", "'doses.success_fraction' is 1.2"),
        ("cost: {eur_per_vesel: 3}", "did you mean 'eur_per_vessel'"),
        ("timing: {plateau_per_cm2: 20000}", "must be above the density at harvest"),
        ("imaging: {assay: counting}", "is none of nuclei"),
        ("ranges: [{setting: cost.x, low: 1, high: 2}]", "'cost.x' is no setting"),
        ("ranges: [{setting: doses.success_fraction, low: 0.1, high: 0.2}]", "does not hold its"),
        ("ranges: [{setting: doses.success_fraction, low: 0.1, high: 2}]", "goes beyond what"),
        ("ranges: [{setting: vessel.density_at_harvest_per_cm2, low: 1, high: 90000}]", "beyond"),
        ("facility: {vessels_per_lot: 1}\ndoses: {cells_per_dose: 1e12}", "gives no whole dose"),
        ("[1, 2]", "holds no 'key: value' pairs"),
    ],
)
def test_a_bad_scenario_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "s.yaml").write_text(text)
    assert cli(["capacity", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "OUT")]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "OUT").exists()


def _numbers(of: Settings, under: str = "") -> Iterator[tuple[str, float]]:
    for name in type(of).model_fields:
        value = getattr(of, name)
        if isinstance(value, Settings):
            yield from _numbers(value, f"{under}{name}.")
        elif isinstance(value, int | float):
            yield f"{under}{name}", value


@pytest.mark.parametrize(
    "name", [name for name, _ in _numbers(Scenario()) if name != "imaging.camera.pixel_um"]
)
def test_every_number_of_a_scenario_has_a_say(name: str) -> None:
    site = scenario(draws=100, ranges=())
    before = dict(_numbers(site))[name]
    seen = set()
    for value in (before, before * 0.7, before * 2.0 + 0.1):
        data = site.model_dump()
        *sections, last = name.split(".")
        inner = data
        for section in sections:
            inner = inner[section]
        inner[last] = type(before)(value)
        try:
            changed_to = Scenario.model_validate(data)
        except ValidationError:
            continue
        seen.add(repr((need_of(changed_to), harvest_days(changed_to), monte_carlo(changed_to))))
    assert len(seen) > 1
