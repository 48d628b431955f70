"""``monolayer grow``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.grow import Crossing, GrowSettings, Growth, GrowthSeries

__all__ = ["command"]


@click.command("grow")
@click.argument("table", type=click.Path(path_type=Path), metavar="TABLE.csv")
@click.option(
    "--target",
    type=float,
    metavar="X",
    help="Forecast when this is crossed: a confluence (0.8) or a density in cells per cm2. "
    "Default: the recipe's confluence.",
)
@click.option(
    "--recipe",
    "recipe_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recipe whose section 'grow' is used ('monolayer init --recipe' writes one).",
)
@click.option("--attachment-h", type=float, metavar="H", help="Leave out the first H hours.")
@click.option(
    "--bootstrap",
    type=click.IntRange(min=0),
    metavar="N",
    help="Simulated repeats for a bootstrap interval of the crossing as well.",
)
@json_option
def command(
    table: Path,
    target: float | None,
    recipe_path: Path | None,
    attachment_h: float | None,
    bootstrap: int | None,
    as_json: bool,
) -> None:
    """Rate, doublings, law of growth and forecast of every vessel of TABLE.csv.

    TABLE.csv has the columns vessel; time_h (hours since seeding), or time with seeded_at; and
    one of confluence (0 to 1), confluence_percent, density_cells_per_cm2. Optional: sd with n
    (fields), or se; replicate.
    """
    from monolayer.grow import bootstrap_crossing, forecast, grow
    from monolayer.intake.growth_table import read_growth_table
    from monolayer.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    given = {"attachment_h": attachment_h, "bootstrap_draws": bootstrap}
    settings = _with(recipe.grow, given)
    told: list[dict[str, Any]] = []
    for series in read_growth_table(table):
        growth = grow(series, settings)
        level = _target(series, target, recipe.decide.target_confluence)
        crossing = None if level is None else forecast(growth, level, settings)
        again = None
        if level is not None and crossing is not None and crossing.time_h is not None:
            again = bootstrap_crossing(growth, series, level, settings)
        told.append(_record(growth, crossing, again))
        if not as_json:
            click.echo("\n".join(_sentences(growth, crossing, settings)))
            if again is not None:
                click.echo(_bootstrap(again))
    if as_json:
        echo_json({"settings": settings.model_dump(mode="json"), "vessels": told})


def _with(settings: "GrowSettings", given: dict[str, Any]) -> "GrowSettings":
    from pydantic import ValidationError

    changed = {name: value for name, value in given.items() if value is not None}
    try:
        return type(settings).model_validate(settings.model_dump() | changed)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).removesuffix("_draws").replace("_", "-")
        raise ConfigError(f"--{option} {first['input']}: {first['msg']}.") from None


def _target(series: "GrowthSeries", given: float | None, recipe: float) -> float | None:
    """The level asked for; the recipe's is a confluence and says nothing of densities."""
    if series.quantity != "confluence":
        if given is not None and given <= 0:
            raise ConfigError(f"--target {given:g} is no density; give cells per cm2 above 0.")
        return given
    level = recipe if given is None else given
    if not 0 < level < 1:
        raise ConfigError(f"--target {level:g} is no confluence; give a share such as 0.8.")
    return level


def _sentences(
    growth: "Growth", crossing: "Crossing | None", settings: "GrowSettings"
) -> list[str]:
    head = f"{growth.vessel}: {growth.n_used} of {growth.n} measurements used"
    if growth.first_h is not None:
        head += f", {growth.first_h:g} to {growth.last_h:g} h after seeding"
    lines = [head + "".join(f"; {flag}" for flag in growth.flags)]
    if growth.rate is not None:
        lines += _rate(growth, settings.confidence)
    if growth.chosen is not None:
        lines.append(f"  law: {growth.chosen.model} {_laws(growth)}")
    if crossing is not None:
        lines.append(f"  {_crossing(growth, crossing)}")
    return lines


def _rate(growth: "Growth", confidence: float) -> list[str]:
    rate = growth.rate
    assert rate is not None
    low, high = rate.confidence_low_per_h, rate.confidence_high_per_h
    within = f" ({confidence:.0%} confidence {low:.5f} to {high:.5f})" if low is not None else ""
    first = f"  rate {rate.rate_per_h:.5f} per h{within}"
    time_h = rate.doubling_time_h
    if time_h is None:
        return [f"{first}; {growth.doublings:.2f} doublings: nothing grows"]
    ends = ["open" if end is None else f"{end:.1f}" for end in rate.doubling_time_interval_h]
    between = f" ({ends[0]} to {ends[1]})" if low is not None else ""
    return [
        first,
        f"  doubling time {time_h:.1f} h{between}; {growth.doublings:.2f} doublings, "
        f"{growth.fold:.2f}-fold between first and last",
    ]


def _laws(growth: "Growth") -> str:
    shares = zip(growth.fits, growth.weights, strict=True)
    return "(weights: " + ", ".join(f"{f.model} {w:.2f}" for f, w in shares) + ")"


def _crossing(growth: "Growth", crossing: "Crossing") -> str:
    is_share = growth.quantity == "confluence"
    level = f"{crossing.target:.0%}" if is_share else f"{crossing.target:g} cells/cm2"
    if crossing.already:
        return f"{level}: reached, {crossing.reason}"
    if crossing.time_h is None:
        return f"{level}: no forecast, {crossing.reason}"
    late = crossing.prediction_high_h
    upper = f"{late:.1f} h" if late is not None else f"an open end ({crossing.reason})"
    middle = "" if crossing.median_h is None else f", median {crossing.median_h:.1f} h"
    return (
        f"crosses {level} between {crossing.prediction_low_h:.1f} h and {upper} "
        f"({crossing.confidence:.0%} prediction{middle}); the curve at {crossing.time_h:.1f} h "
        f"({crossing.confidence:.0%} confidence {crossing.confidence_low_h:.1f} to "
        f"{crossing.confidence_high_h:.1f} h)"
    )


def _bootstrap(again: Any) -> str:
    def ends(kind: str) -> str:
        found = [getattr(again, f"{kind}_{end}_h") for end in ("low", "high")]
        return " to ".join("open" if end is None else f"{end:.1f}" for end in found)

    return (
        f"  bootstrap of {again.draws}: prediction {ends('prediction')} h, confidence "
        f"{ends('confidence')} h"
    )


def _record(growth: "Growth", crossing: "Crossing | None", again: Any) -> dict[str, Any]:
    from dataclasses import asdict

    rate = growth.rate
    low_high = rate.doubling_time_interval_h if rate and rate.se_per_h is not None else (None, None)
    return {
        "vessel": growth.vessel,
        "quantity": growth.quantity,
        "n": growth.n,
        "n_used": growth.n_used,
        "first_h": growth.first_h,
        "last_h": growth.last_h,
        "flags": list(growth.flags),
        "rate": None if rate is None else asdict(rate),
        "doubling_time_h": None if rate is None else rate.doubling_time_h,
        "doubling_time_confidence_low_h": low_high[0],
        "doubling_time_confidence_high_h": low_high[1],
        "population_doublings": growth.doublings,
        "fold": growth.fold,
        "laws": [_law(f, w) for f, w in zip(growth.fits, growth.weights, strict=True)],
        "laws_refused": [{"model": model, "reason": why} for model, why in growth.refused],
        "crossing": None if crossing is None else asdict(crossing),
        "bootstrap": None if again is None else asdict(again),
    }


def _law(fit: Any, weight: float) -> dict[str, Any]:
    names = [*fit.law.parameters, *(["ln_plateau"] if fit.plateau_fitted else [])]
    return {
        "model": fit.model,
        "aicc": fit.aicc,
        "akaike_weight": weight,
        "plateau": fit.plateau,
        "plateau_fitted": fit.plateau_fitted,
        "residual_sd": fit.residual_sd,
        "degrees_of_freedom": fit.free,
        "parameters": dict(zip(names, fit.parameters.tolist(), strict=True)),
        "covariance": fit.covariance.tolist(),
    }
