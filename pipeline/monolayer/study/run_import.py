"""A run's folder into a study: its fields become visits of vessels.

1. `Visit`s say which plates, wells and times of the run show which vessel, when, which layer.
2. The fields of a visit are rolled up to the vessel (`monolayer.summarise.vessel`): bound, spread
   between fields, dispersion, what was assumed of the layers that were not seen.
3. The change takes acquisitions (and viabilities of an assay that stains), each with the run and
   the method it was made with. A later evaluation supersedes an earlier one; both stay.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monolayer.errors import InputError
from monolayer.study.change import Change
from monolayer.study.visits import Layers, Visit, fields_by_visit

if TYPE_CHECKING:
    from monolayer.results import Run

__all__ = ["import_run"]

_WANTED = (
    "field_id", "plate", "well", "time", "state", "image_sha256", "confluence",
    "density_cells_per_cm2", "n_objects", "area_cm2", "usable_area_cm2", "height_px", "width_px",
    "pixel_size_um", "n_live", "n_dead", "n_indeterminate",
)  # fmt: skip
_MEASURANDS = {
    "viability": "adherent fraction, in the vessel",
    "suspension": "cells in suspension",
}

Row = Mapping[str, Any]


def import_run(
    change: Change, folder: Path, visits: Sequence[Visit], *, supersede: bool = False
) -> list[dict[str, Any]]:
    """Add a run's visits to a study.

    Parameters
    ----------
    change : Change
        An open change.
    folder : Path
        The run's folder, finished.
    visits : sequence of Visit
        Which fields show which vessel; those that none names are left out.
    supersede : bool, default False
        Let them take the place of acquisitions of the same vessel and time.

    Returns
    -------
    list of dict
        The acquisitions added, as they are stored.

    Raises
    ------
    InputError
        A visit shows no field, two show the same one, or the vessel cannot have it.
    RunFolderError
        The folder is no finished run.
    """
    from monolayer.results import open_run

    run = open_run(folder)
    found = run.fields.arrow()
    fields = found.select([name for name in _WANTED if name in found.column_names]).to_pylist()
    grouped = fields_by_visit(change, str(folder), visits, fields)
    name, assay = _add_run(change, run)
    added = []
    for (vessel, at), layers in grouped.items():
        row = _acquisition(change, run, vessel, layers)
        row |= {"vessel": vessel, "at": at, "run": name, "method_sha256": _method(run)}
        _put(change, "acquisitions", row, supersede=supersede)
        viability = _viability(assay, layers)
        if viability is not None:
            of = {"vessel": vessel, "at": at, "run": name, "method_sha256": _method(run)}
            _put(change, "viabilities", viability | of, supersede=supersede)
        added.append(row)
    return added


def _add_run(change: Change, run: "Run") -> tuple[str, str]:
    """The run's row, once for the same tables; a run made anew has a name of its own."""
    sha256 = _file_sha256(run.folder / "fields.parquet")
    record = run.record
    method = record["method"]
    name, assay = f"{run.folder.name} {sha256[:8]}", str(method["assay"])
    if not change.rows("runs", name=name):
        finished = record["history"][-1].get("finished")
        change.add(
            "runs",
            name=name,
            folder=str(run.folder),
            images=record["given"]["images"],
            assay=assay,
            method_sha256=_method(run),
            program_version=record["monolayer"],
            record_sha256=_file_sha256(run.folder / "run.json"),
            fields_sha256=sha256,
            made_at=None if finished is None else datetime.fromisoformat(finished),
        )
    return name, assay


def _method(run: "Run") -> str:
    return str(run.record["method_sha256"])


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _acquisition(change: Change, run: "Run", vessel: str, layers: Layers) -> dict[str, Any]:
    """Figures of a visit, as columns of an acquisition."""
    every = [field for shown in layers.values() for field in shown]
    row: dict[str, Any] = {
        "n_fields": len(every),
        "n_fields_ok": sum(field["state"] == "ok" for field in every),
        "image_sha256_found": _images_sha256(every),
    }
    rollup = {}
    for quantity in ("confluence", "density_cells_per_cm2"):
        found = _rolled_up(change, run, vessel, layers, quantity)
        if found is None:
            continue
        rollup[quantity] = found.as_data()
        if quantity == "confluence":
            row["confluence"] = found.vessel.mean
            row["confluence_lower_bound"] = found.lower_bound
            row["confluence_se"] = found.vessel.se
            row["confluence_field_cv"] = found.field_cv
        else:
            row["density_cells_per_cm2"], row["density_se"] = found.vessel.mean, found.vessel.se
    return row | {"rollup": rollup or None}


def _rolled_up(change: Change, run: "Run", vessel: str, layers: Layers, quantity: str) -> Any:
    from monolayer.method import Method
    from monolayer.summarise.vessel import roll_up_vessel

    ok = {
        name: [field for field in shown if field["state"] == "ok" and _known(field, quantity)]
        for name, shown in layers.items()
    }
    every = [field for shown in ok.values() for field in shown]
    if not every:
        return None
    row = change.rows("vessels", name=vessel)[0]
    kind = change.rows("vessel_types", name=row["type"])[0]
    counts = [field["n_objects"] for field in every if _known(field, "n_objects")]
    try:
        return roll_up_vessel(
            {name: [field[quantity] for field in shown] for name, shown in ok.items()},
            Method.model_validate(run.record["method"]).summarise,
            n_layers=kind["n_layers"],
            fields_per_layer=_fields_per_layer(kind, every),
            assumption=row.get("sentinel_assumption"),
            assumed_cv=row.get("sentinel_cv"),
            counts=counts if quantity.startswith("density") else (),
        )
    except ValueError as error:
        raise InputError(f"vessel {vessel}: {error}; mend the visits' layers.") from None


def _known(field: Row, quantity: str) -> bool:
    return field.get(quantity) is not None


def _fields_per_layer(kind: Row, fields: Sequence[Row]) -> float | None:
    """Fields that would cover a layer of the vessel; None where the pixel size is unknown."""
    sizes = [field.get("pixel_size_um") for field in fields]
    if any(size is None for size in sizes):
        return None
    areas = [
        field["height_px"] * field["width_px"] * size**2 * 1e-8
        for field, size in zip(fields, sizes, strict=True)
        if size is not None
    ]
    return float(kind["growth_area_cm2"] / kind["n_layers"] / (sum(areas) / len(areas)))


def _images_sha256(fields: Sequence[Row]) -> str | None:
    """One hash for all images of a visit; None where one of them has none."""
    pairs = sorted((field["field_id"], field["image_sha256"]) for field in fields)
    if any(sha256 is None for _, sha256 in pairs):
        return None
    return hashlib.sha256("\n".join(" ".join(pair) for pair in pairs).encode()).hexdigest()


def _put(change: Change, kind: str, row: dict[str, Any], *, supersede: bool) -> None:
    """Add a record, or let it take the place of the one at its time."""
    found = change.rows(kind, vessel=row["vessel"], at=row["at"])
    there = [each for each in found if "superseded_at" not in each]
    if not there or not supersede:
        change.add(kind, **row)
        return
    if there[0].get("run") == row["run"]:
        raise InputError(
            f"vessel {row['vessel']} at {row['at'].isoformat()}: this very run is in the study "
            "already; there is nothing to supersede."
        )
    change.supersede(kind, there[0]["id"], **row)


def _viability(assay: str, layers: Layers) -> dict[str, Any] | None:
    """Living of all decided cells with the bound that decides; None where nothing is stained."""
    if assay not in _MEASURANDS:
        return None
    from monolayer.summarise.viability import Counts, viability_between_fields, viability_figures

    counts = [
        Counts(field["n_live"], field["n_dead"], field.get("n_indeterminate") or 0)
        for shown in layers.values()
        for field in shown
        if field["state"] == "ok" and _known(field, "n_live")
    ]
    pooled = Counts.pooled(counts)
    if not pooled.decided:
        return None
    alone, between = viability_figures(pooled), viability_between_fields(counts)
    patchy = between["viability_decides"] == "between fields"
    bound = between["viability_cluster_lower_bound"] if patchy else alone["viability_lower_bound"]
    return {
        "live": pooled.live,
        "total": pooled.decided,
        "viability": alone["viability"],
        "lower_bound": bound,
        "measurand": _MEASURANDS[assay],
    }
