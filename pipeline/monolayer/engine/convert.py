"""Any images that a plan finds, as OME-Zarr 0.5 plates.

    plan -> a plate's open fields -> executor -> image groups -> metadata -> the plate's name

A plate is built in a hidden folder beside its place. Each image is written beside and renamed
into that folder, and a ledger says of which files it was made, so a stopped conversion goes on;
the plate appears under its name when all of it is there.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from monolayer.engine.executors import Crashed, ExecutionSettings, make_executor
from monolayer.engine.files import saying_what_failed, sweep
from monolayer.engine.ledger import Chunk, chunks_of, source_signature
from monolayer.engine.ngff.groups import flush_tree
from monolayer.engine.ngff.image import Storage
from monolayer.engine.ngff.plate import image_paths, write_metadata
from monolayer.engine.ngff.work import (
    ConvertJob,
    Line,
    append_ledger,
    convert_chunk,
    read_ledger,
    write_ledger,
)
from monolayer.engine.plan import Notify, Plan
from monolayer.engine.runfolder import locked, program_version
from monolayer.errors import ConfigError, RunFolderError
from monolayer.field import Field

__all__ = ["Converted", "convert"]

CHUNK_FIELDS = 8


Finish = Callable[[Path, Sequence[Field], Mapping[str, str]], None]
"""Is given the folder of a plate, its fields and the paths of their images."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted plate.

    Attributes
    ----------
    path : Path
        The OME-Zarr.
    n_images, n_converted : int
        Images that it holds, and those of them that this call converted.
    failed : tuple of (str, str)
        Field id and sentence of each field that could not be converted.
    """

    path: Path
    n_images: int
    n_converted: int
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Plate:
    """One plate's conversion: its fields, where their images go, and what made them."""

    plan: Plan
    storage: Storage
    target: Path
    fields: tuple[Field, ...]
    missing: tuple[Field, ...]
    paths: dict[str, str]
    signatures: dict[str, str]

    @property
    def work(self) -> Path:
        """The hidden folder that it is built in."""
        return self.target.with_name(f".{self.target.name}.unfinished")


def convert(
    plan: Plan,
    output: Path,
    storage: Storage,
    execution: ExecutionSettings,
    notify: Notify = lambda stage, done, total: None,
    *,
    also: tuple[str, Finish] | None = None,
) -> list[Converted]:
    """Convert the fields of a plan, taking up what an earlier call left.

    Parameters
    ----------
    plan : Plan
        What is converted. Of its method only the pixel size and the treatment of colour count.
    output : Path
        ``NAME.zarr`` for one plate; a folder for one or several, which get their own names.
    storage : Storage
        How arrays are stored.
    execution : ExecutionSettings
        How and where; changes no pixel.
    notify : callable
        Told ``(stage, done, total)`` as the work goes on.
    also : tuple of (str, callable), optional
        What else goes into each plate before it gets its name, and what identifies that.

    Returns
    -------
    list of Converted
        One a plate.

    Raises
    ------
    ConfigError
        `output` names one plate and there are several.
    RunFolderError
        Something else is where a plate is to go, or another process converts into it.
    """
    everything = sorted((*plan.fields, *plan.missing), key=lambda field: field.sort_key)
    plates = [list(group) for _, group in groupby(everything, key=lambda field: field.plate)]
    if output.suffix == ".zarr" and len(plates) > 1:
        names = ", ".join(group[0].plate for group in plates[:4])
        raise ConfigError(
            f"{output}: is one plate, and the images are of {len(plates)} ({names}): give a "
            "folder with -o, or one plate with --select plate=NAME."
        )
    done = []
    for fields in plates:
        target = output if output.suffix == ".zarr" else output / _file_name(fields[0].plate)
        plate = _plate_of(plan, fields, target, storage, also[0] if also else "")
        if target.exists():
            done.append(_as_found(plate))
        else:
            with locked(plate.work), saying_what_failed(plate.work):
                finish = also[1] if also else None
                done.append(_convert_plate(plate, execution, notify, finish))
    return done


def _file_name(plate: str) -> str:
    return plate.replace("/", "_") + ".zarr"


def _plate_of(
    plan: Plan, fields: Sequence[Field], target: Path, storage: Storage, also: str
) -> _Plate:
    absent = {field.field_id for field in plan.missing}
    present = tuple(field for field in fields if field.field_id not in absent)
    paths = image_paths([field for field in present if field.problem is None])
    identity = repr((plan.method.read, storage, program_version(), also))
    signatures = {
        field.field_id: source_signature(
            field, plan.root, f"{identity} {paths.get(field.field_id)}"
        )
        for field in present
    }
    missing = tuple(field for field in fields if field.field_id in absent)
    return _Plate(plan, storage, target, present, missing, paths, signatures)


def _as_found(plate: _Plate) -> Converted:
    """What an earlier call finished, if it is the same."""
    known = read_ledger(plate.target)
    if set(known) != set(plate.signatures.values()):
        raise RunFolderError(
            f"{plate.target}: is there already, and not made of these images as they are now; "
            "remove it, or give another name with -o."
        )
    return _told(plate, known, 0)


def _convert_plate(
    plate: _Plate, execution: ExecutionSettings, notify: Notify, finish: Finish | None
) -> Converted:
    """Convert what is open, then give the plate its metadata and its name."""
    sweep(plate.work)
    known = read_ledger(plate.work)
    wanted = [field for field in plate.fields if not _is_done(plate, field, known)]
    _convert_fields(plate, wanted, execution, notify)
    known = read_ledger(plate.work)
    converted = [field for field in plate.fields if not _line(plate, field, known).reason]
    if not converted:
        shutil.rmtree(plate.work)  # a plate without an image would be no plate
        return _told(plate, known, 0)
    _drop_others(plate, converted)
    if finish is not None:
        finish(plate.work, converted, plate.paths)
    write_metadata(plate.work, converted, plate.paths, _ours(plate, known))
    lines = [_line(plate, field, known) for field in plate.fields]
    write_ledger(plate.work, lines)
    (plate.work / ".lock").unlink()
    shutil.rmtree(plate.work / ".logs", ignore_errors=True)
    flush_tree(plate.work, files_only_here=True)
    plate.work.rename(plate.target)
    return _told(plate, known, len(set(map(id, wanted)) & set(map(id, converted))))


def _is_done(plate: _Plate, field: Field, known: Mapping[str, Line]) -> bool:
    line = known.get(plate.signatures[field.field_id])
    if line is None or line.reason:
        return False
    return (plate.work / plate.paths[field.field_id] / "zarr.json").is_file()


def _line(plate: _Plate, field: Field, known: Mapping[str, Line]) -> Line:
    return known[plate.signatures[field.field_id]]


def _convert_fields(
    plate: _Plate, fields: Sequence[Field], execution: ExecutionSettings, notify: Notify
) -> None:
    """Convert fields; a chunk whose worker died is tried again, field by field."""
    if not fields:
        return
    notify("converted", 0, len(fields))
    count = 0
    with make_executor(execution, len(fields), plate.work / ".logs") as executor:
        job = _job(plate, execution.field_timeout_s, executor.isolated)
        do = partial(convert_chunk, job=job)
        size = max(1, min(CHUNK_FIELDS, len(fields) // (8 * executor.workers)))
        suspects: list[Field] = []
        for outcome in executor.run(do, chunks_of(fields, plate.signatures, size)):
            if isinstance(outcome, Crashed):
                suspects += outcome.chunk.fields
                continue
            append_ledger(plate.work, outcome)
            count += len(outcome)
            notify("converted", count, len(fields))
        alone = chunks_of(suspects, plate.signatures, 1)
        for outcome in executor.run(do, alone, window=1) if suspects else ():
            crashed = isinstance(outcome, Crashed)
            append_ledger(plate.work, [_died(outcome.chunk)] if crashed else outcome)
            count += 1
            notify("converted", count, len(fields))


def _job(plate: _Plate, field_timeout_s: float, may_end_process: bool) -> ConvertJob:
    read, root = plate.plan.method.read, plate.plan.root
    return ConvertJob(
        root, read, plate.storage, plate.work, plate.paths, field_timeout_s, may_end_process
    )


def _died(chunk: Chunk) -> Line:
    detail = (
        f"{chunk.fields[0].paths[0]}: its worker process died on it, or was ended because it took "
        "longer than --field-timeout; look at the file, then run again."
    )
    return Line(chunk.signatures[0], "worker_died", detail)


def _drop_others(plate: _Plate, converted: Sequence[Field]) -> None:
    """Remove images that an earlier, wider call left, and those of fields that failed since."""
    kept = {plate.paths[field.field_id] for field in converted}
    depth = max((path.count("/") for path in plate.paths.values()), default=0)
    for folder in plate.work.glob("/".join(["[!.]*"] * (depth + 1))):
        if folder.is_dir() and folder.relative_to(plate.work).as_posix() not in kept | {"OME"}:
            shutil.rmtree(folder)


def _ours(plate: _Plate, known: Mapping[str, Line]) -> dict[str, Any]:
    """Fields that are not among the images, so that a run over the plate still has their rows."""
    told: dict[str, Any] = {"plate": (*plate.fields, *plate.missing)[0].plate}
    failed = [
        _named(field, line.reason, line.detail) | {"paths": list(field.paths)}
        for field in plate.fields
        if (line := _line(plate, field, known)).reason
    ]
    missing = [_named(field, *field.problem) for field in plate.missing if field.problem]
    return told | ({"failed": failed} if failed else {}) | ({"missing": missing} if missing else {})


def _named(field: Field, reason: str, detail: str) -> dict[str, Any]:
    where = {"well": field.well, "field": field.field, "time": field.time}
    return {**where, "reason": reason, "detail": detail}


def _told(plate: _Plate, known: Mapping[str, Line], n_converted: int) -> Converted:
    failed = tuple(
        (field.field_id, line.detail)
        for field in plate.fields
        if (line := _line(plate, field, known)).reason
    )
    return Converted(plate.target, len(plate.fields) - len(failed), n_converted, failed)
