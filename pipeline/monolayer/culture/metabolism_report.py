"""What is read of a vessel's metabolism: sentences, tables, a page, and fluxes for models."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from monolayer.culture.metabolism import CellNumber, VesselMetabolism
from monolayer.drawing.numbers import plural
from monolayer.metabolism import MassBalance, Rate, Yields, cobra_model, with_bounds
from monolayer.metabolism.tank import RELEASED
from monolayer.recipe import Recipe
from monolayer.sensors.quantities import QUANTITIES

__all__ = ["as_data", "sentences", "tables", "words_of", "write_metabolism"]


def words_of(quantity: str) -> str:
    """A metabolite's name without its unit."""
    return QUANTITIES[quantity].words


def sentences(found: VesselMetabolism) -> list[str]:
    """What is to be said of one vessel, in lines."""
    culture = found.culture
    lines = [
        f"{culture.vessel}: {culture.volume_ml:g} mL, {len(culture.cells.times_h)} cell numbers, "
        f"{len(culture.samples)} samples, {plural(len(culture.exchanges), 'exchange')}"
    ]
    for balance in found.balances:
        lines += [f"  {_rate(rate)}" for rate in balance.intervals]
        if len(balance.intervals) > 1:
            lines.append(f"  {_rate(balance.whole, 'over all')}")
        if balance.p is not None and balance.p < 0.01:
            lines.append(
                f"  {words_of(balance.quantity)}: the samples do not fit one rate an interval "
                f"(p {balance.p:.2g}); look for a wrong sample, volume or count"
            )
    lines += [f"  {line}" for each in found.yields if (line := _yield(each))]
    if found.feeding is not None:
        lines.append(f"  at {found.at_h:.1f} h: {found.feeding.words}")
    lines += [f"  {_cells(each)}" for each in found.cells]
    lines += [f"  not evaluated: {what} ({why.rstrip('.')})" for what, why in found.missing]
    return lines


def _rate(rate: Rate, when: str = "") -> str:
    verb = "released" if rate.quantity in RELEASED else "taken up"
    span = when or f"{rate.from_h:.0f} to {rate.to_h:.0f} h"
    flags = "".join(f"; {flag}" for flag in rate.flags)
    return (
        f"{words_of(rate.quantity)} {span}: {rate.pmol_per_cell_d:.3g} pmol per cell and day "
        f"{verb} ({rate.low:.3g} to {rate.high:.3g}), {rate.amount_umol:.4g} umol{flags}"
    )


def _yield(each: Yields) -> str:
    if each.lactate_per_glucose is None or each.lactate_carbon_recovery is None:
        return ""
    flags = "".join(f"; {flag}" for flag in each.flags)
    return (
        f"lactate per glucose {each.from_h:.0f} to {each.to_h:.0f} h: "
        f"{each.lactate_per_glucose:.2f} ± {each.se:.2f} mol/mol, lactate holds "
        f"{each.lactate_carbon_recovery:.0%} of its carbon{flags}"
    )


def _cells(each: CellNumber) -> str:
    said = ", ".join(f"{e.source} {e.value:.3g} ± {e.se:.2g}" for e in each.estimates)
    fused = each.fused
    if fused.value is None:
        return f"cells at {each.time_h:.0f} h: NOT FUSED, {fused.reason}"
    if fused.consistent is None:
        return f"cells at {each.time_h:.0f} h: {said} (the only source)"
    return (
        f"cells at {each.time_h:.0f} h: {fused.value:.4g} ({fused.low:.3g} to {fused.high:.3g}) "
        f"of {said}; chi2 {fused.chi2:.2f} within {fused.limit:.2f}"
    )


def as_data(found: VesselMetabolism) -> dict[str, Any]:
    """Findings as plain data."""
    return {
        "vessel": found.culture.vessel,
        "balances": [_balance(each) for each in found.balances],
        "yields": [asdict(each) for each in found.yields],
        "feeding": None if found.feeding is None else asdict(found.feeding) | {"at_h": found.at_h},
        "cells": [asdict(each) for each in found.cells],
        "flux_bounds": [asdict(each) for each in found.bounds],
        "not_evaluated": dict(found.missing),
    }


def _balance(balance: MassBalance) -> dict[str, Any]:
    return {
        "quantity": balance.quantity,
        "intervals": [asdict(each) for each in balance.intervals],
        "whole": asdict(balance.whole),
        "constant": asdict(balance.constant),
        "constant_p": balance.constant_p,
        "covariance": balance.covariance.tolist(),
        "chi2": balance.chi2,
        "degrees_of_freedom": balance.freedom,
        "p": balance.p,
        "end_h": balance.end_h,
        "end_mmol_per_l": balance.end_mmol_per_l,
        "end_se": balance.end_se,
    }


def tables(found: Sequence[VesselMetabolism]) -> dict[str, list[dict[str, Any]]]:
    """Rows of each table: rates, yields, cells, fluxes, feeding."""
    return {
        "rates": [row for each in found for row in _rate_rows(each)],
        "yields": [
            _head(each) | asdict(y) | {"flags": " ".join(y.flags)}
            for each in found
            for y in each.yields
        ],
        "cells": [row for each in found for row in _cell_rows(each)],
        "fluxes": [_head(each) | asdict(bound) for each in found for bound in each.bounds],
        "feeding": [
            _head(each) | {"at_h": each.at_h} | asdict(each.feeding)
            for each in found
            if each.feeding is not None
        ],
    }


def _head(found: VesselMetabolism) -> dict[str, Any]:
    return {"vessel": found.culture.vessel}


def _rate_rows(found: VesselMetabolism) -> list[dict[str, Any]]:
    rows = []
    for balance in found.balances:
        over_all = (("all", balance.whole), ("all, if one rate", balance.constant))
        for scope, rate in (*(("interval", r) for r in balance.intervals), *over_all):
            row = _head(found) | {"scope": scope} | asdict(rate)
            rows.append(row | {"flags": " ".join(rate.flags)})
    return rows


def _cell_rows(found: VesselMetabolism) -> list[dict[str, Any]]:
    rows = []
    for each in found.cells:
        by_source = {estimate.source: estimate for estimate in each.estimates}
        row = _head(found) | {"time_h": each.time_h}
        for source in ("image", "metabolism", "capacitance"):
            estimate = by_source.get(source)
            row[f"{source}_cells"] = None if estimate is None else estimate.value
            row[f"{source}_se"] = None if estimate is None else estimate.se
        fused = each.fused
        row |= {
            "fused_cells": fused.value,
            "fused_se": fused.se,
            "fused_ci_low": fused.low,
            "fused_ci_high": fused.high,
            "chi2": fused.chi2,
            "chi2_limit": fused.limit,
            "consistent": fused.consistent,
            "reason": fused.reason,
        }
        rows.append(row)
    return rows


def write_metabolism(
    folder: Path,
    found: Sequence[VesselMetabolism],
    recipe: Recipe,
    sources: Sequence[Path],
    model: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write page, tables and fluxes; with a model, the model with the fluxes as its bounds."""
    from monolayer.culture.metabolism_page import metabolism_page
    from monolayer.engine.analysis_files import write_analysis
    from monolayer.engine.files import write_file

    told = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    told |= {
        "recipe": f"{recipe.name} {recipe.version} ({recipe.status})",
        "recipe_sha256": recipe.sha256,
    }
    # Before anything is written: a model that lacks a reaction leaves nothing half-done.
    models = {
        each.culture.vessel: cobra_model(each.bounds, f"fluxes of {each.culture.vessel}")
        if model is None
        else with_bounds(model, each.bounds)
        for each in found
    }
    rows = tables(found)
    written = write_analysis(folder, metabolism_page(found, recipe, told), rows, told)
    for vessel, content in models.items():
        written.append(folder / f"fluxes-{_file_name(vessel)}.json")
        write_file(written[-1], json.dumps(content, indent=1, allow_nan=False).encode())
    # A table that has no rows now must not stay from an earlier call.
    for path in (folder / f"{name}{suffix}" for name in rows for suffix in (".parquet", ".csv")):
        if path not in written:
            path.unlink(missing_ok=True)
    return written


def _file_name(vessel: str) -> str:
    from urllib.parse import quote

    return quote(vessel, safe=" ")
