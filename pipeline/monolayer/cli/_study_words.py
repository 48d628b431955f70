"""What ``monolayer study show`` says."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from monolayer.drawing.numbers import plural

__all__ = ["lines_of"]

_TIME = "%Y-%m-%d %H:%M %z"


def lines_of(data: Mapping[str, Any]) -> list[str]:
    """Lines for a study, a vessel or a lot, as `monolayer.study.shown` gives them."""
    if "study" in data:
        return list(_study(data))
    return list(_vessel(data) if "vessel" in data else _lot(data))


def _study(data: Mapping[str, Any]) -> Iterator[str]:
    rows = data["rows"]
    yield f"{data['study']}"
    counted = ("lots", "donors", "vessels", "acquisitions", "exchanges", "readings", "viabilities")
    yield "  " + ", ".join(_counted(rows[name], name) for name in counted if rows[name])
    yield f"  {_counted(rows['in_culture'], 'vessels')} in culture"
    end = rows["audit"]
    last = f"the last {end['at'][:16].replace('T', ' ')} UTC"
    yield f"  audit trail: {end['sequence']} entries, {last}, {end['sha256']}"
    yield from _listed(data["vessels"])


def _lot(data: Mapping[str, Any]) -> Iterator[str]:
    lot = data["lot"]
    told = (f"{name} {lot[name]}" for name in ("donor", "medium", "product") if name in lot)
    yield f"lot {lot['name']}: " + ", ".join([*told, _counted(len(data["vessels"]), "vessels")])
    level = data["confluence"]
    if level is not None:
        share = _share(level["mean"], level["lower_bound"])
        seen = f"{level['n_vessels']} of {_counted(level['n_vessels_in_culture'], 'vessels')}"
        yield f"  confluence {share}, {seen} in culture" + _because(level["assumption"])
    yield from _listed(data["vessels"])


def _because(assumption: str | None) -> str:
    return "" if assumption is None else f"; {assumption}"


def _listed(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    head = ("vessel", "type", "lot", "passage", "last visit", "hours", "confluence", "ended")
    yield from _table([head, *(_listed_row(row) for row in rows)])


def _listed_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["vessel"],
        row["type"],
        row["lot"] or "-",
        _number(row["passage"]),
        _when(row["at"]),
        _number(row["time_h"], ".1f"),
        _share(row["confluence"], row["confluence_lower_bound"]),
        "-" if row["ended_as"] is None else f"{row['ended_as']} {_when(row['ended_at'])}",
    )


def _vessel(data: Mapping[str, Any]) -> Iterator[str]:
    row, kind = data["vessel"], data["vessel_type"]
    layers = f", {kind['n_layers']} layers" if kind["n_layers"] > 1 else ""
    yield f"vessel {row['name']}: {kind['name']} ({kind['growth_area_cm2']:g} cm2{layers})"
    yield f"  seeded {_when(row['seeded_at'])}" + "".join(_seeding(row))
    if layers:
        imaged = _number(row.get("n_layers_imaged"))
        why = row.get("sentinel_assumption", "no reason recorded")
        yield f"  {imaged} of {kind['n_layers']} layers imaged: {why}"
    if data["parents"]:
        yield "  from " + ", from ".join(data["parents"])
    if data["children"]:
        yield "  passaged into " + ", ".join(data["children"])
    if "ended_as" in row:
        yield f"  {row['ended_as']} {_when(row['ended_at'])}" + "".join(_out(data))
    if data["acquisitions"]:
        head = ("visit", "fields", "confluence", "density /cm2", "method", "")
        yield from _table([head, *(_visit(each) for each in data["acquisitions"])])
        rolled_up = [each for each in data["acquisitions"] if each.get("rollup")]
        for each in rolled_up[-1:]:
            yield from _rolled_up(each)
    for each in data["exchanges"]:
        yield f"  fed {_when(each['at'])}: {_number(each.get('volume_ml'))} mL"
    for each in data["viabilities"]:
        bound = _number(each.get("lower_bound"), ".3f")
        share = _number(each.get("viability"), ".3f")
        yield f"  viability {_when(each['at'])}: {share}, at least {bound}"
    yield from map(_event, data["sensor_events"])
    if data["readings"]:
        yield f"  {len(data['readings'])} latest readings; --json lists them"


def _event(row: Mapping[str, Any]) -> str:
    end = f"to {_when(row['ended_at'])}" if "ended_at" in row else "and goes on"
    said = "not assessed"
    if "assessed_at" in row:
        said = f"assessed {_when(row['assessed_at'])}: {row['assessment']}"
    begun = f"{row['quantity']} {row['reason']} from {_when(row['since_at'])}"
    return f"  event {row['id']}: {begun} {end}; {said}"


def _seeding(row: Mapping[str, Any]) -> Iterator[str]:
    if "lot" in row:
        yield f", lot {row['lot']}"
    if "passage" in row:
        yield f", P{row['passage']}"
    if "doublings_at_seeding" in row:
        yield f", {row['doublings_at_seeding']:.2f} doublings"
    if "cells_seeded" in row:
        yield f", {row['cells_seeded']:g} cells"
    if "seeding_density_cells_per_cm2" in row:
        yield f", {row['seeding_density_cells_per_cm2']:g} cells/cm2"
    if "medium_volume_ml" in row:
        yield f", {row['medium_volume_ml']:g} mL"


def _out(data: Mapping[str, Any]) -> Iterator[str]:
    if "cells_out" in data["vessel"]:
        yield f", {data['vessel']['cells_out']:g} viable cells"
    if data["fold"] is not None:
        yield f" ({data['fold']:.2f}-fold, {data['doublings']:.2f} doublings)"


def _rolled_up(row: Mapping[str, Any]) -> Iterator[str]:
    """How the latest visit's figures came from its fields."""
    for quantity, found in (row.get("rollup") or {}).items():
        words = quantity.replace("_cells_per_cm2", "")
        if found["field_cv"] is not None:
            yield (
                f"  {words} {_when(row['at'])}: CV between fields {found['field_cv']:.3f}; "
                f"{plural(found['fields_needed'], 'field')} would give a mean of CV "
                f"{found['target_cv']:g}"
            )
        if found["dispersion_p"] is not None:
            yield (
                f"  counts against Poisson: variance over mean {found['dispersion_index']:.3g}, "
                f"p {found['dispersion_p']:.2g}"
            )
        if found["vessel"]["assumption"] is not None:
            yield f"  assumed: {found['vessel']['assumption']}"


def _visit(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        _when(row["at"]),
        f"{_number(row.get('n_fields_ok'))} of {_number(row.get('n_fields'))}",
        _share(row.get("confluence"), row.get("confluence_lower_bound")),
        _number(row.get("density_cells_per_cm2"), ",.0f"),
        row.get("method_sha256", "-")[:12],
        "superseded" if "superseded_at" in row else "",
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def _counted(n: int, things: str) -> str:
    one = {"viabilities": "viability"}.get(things, things.removesuffix("s"))
    return f"{n} {one if n == 1 else things}"


def _when(at: datetime | None) -> str:
    return "-" if at is None else f"{at:{_TIME}}"


def _number(value: float | None, form: str = "g") -> str:
    return "-" if value is None else format(value, form)


def _share(value: float | None, bound: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if bound is None else f" (at least {bound:.3f})")
