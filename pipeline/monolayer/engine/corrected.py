"""``corrected/``: a run's tables and labels after corrections, beside the automatic ones.

    fields.parquet wells.parquet plates.parquet   all rows, corrected ones in their place
    objects/                                       a file a plate, as the run has them
    labels/                                        of corrected fields
    differences.parquet                            automatic, corrected and their difference
    record.json run.json                           what it is made of; it opens as a run does

Made anew from the automatic tables and the record of corrections, and put in place in one step:
it can be thrown away at any time. The automatic tables are only read.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monolayer.engine import runfolder
from monolayer.engine.collect import objects_path
from monolayer.engine.files import UNFINISHED, discard, labels_path, saying_what_failed
from monolayer.engine.label_files import write_labels
from monolayer.engine.parts import aligned, objects_table
from monolayer.engine.reviewing import FieldReview, RunReview
from monolayer.engine.revised_tables import (
    PLATE,
    WELL,
    with_revised_plates,
    with_revised_wells,
    with_rows,
)
from monolayer.engine.row_groups import RowGroups
from monolayer.engine.work import FieldResult
from monolayer.errors import CorrectionError
from monolayer.field import Field, State
from monolayer.review.difference import Difference, differences
from monolayer.revise import Revised

__all__ = ["Recomputed", "is_current", "recompute", "wells_before_and_after"]

Row = dict[str, Any]
Key = tuple[str | None, ...]

FOLDER = "corrected"
_HEAD = ("level", "plate", "well", "time", "field_id", "column", "unit")


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What a run comes to after corrections.

    Attributes
    ----------
    folder : Path
        Where the corrected tables are.
    differences : tuple of Difference
        What changed, field by field, then well by well, then plate by plate.
    n_events : int
        Events in the record.
    not_applicable : tuple of str
        Sentences about events that do not fit their field any more.
    """

    folder: Path
    differences: tuple[Difference, ...]
    n_events: int
    not_applicable: tuple[str, ...] = ()


def is_current(run: RunReview) -> bool:
    """Whether the corrected tables are made of the present corrections and tables."""
    path = run.folder / FOLDER / "record.json"
    if not path.is_file():
        return not run.log.events()
    record = json.loads(path.read_text(encoding="utf-8"))
    return bool(record["made_of"] == _made_of(run))


def recompute(run: RunReview) -> Recomputed:
    """Make a run's corrected tables.

    Raises
    ------
    CorrectionError
        The record of corrections is damaged, or a field cannot be measured again.
    RunAborted
        The disk is full or gone; the corrected tables are what they were.
    """
    with saying_what_failed(run.folder), runfolder.recomputing(run.folder):
        made_of = _made_of(run)
        found = _Found(run)
        beside = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=run.folder))
        try:
            told = _write(run, found, beside)
            record = {"made_of": made_of, "not_applicable": found.not_applicable}
            (beside / "record.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
            runfolder.write_record(
                beside, run.record | {"counts": _counts(beside), "corrected": made_of}
            )
            beside.chmod(0o755)
            target = run.folder / FOLDER
            discard(target)
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return Recomputed(
        run.folder / FOLDER, tuple(told), len(run.log.events()), tuple(found.not_applicable)
    )


def wells_before_and_after(run: RunReview, well: str) -> tuple[Row, Row]:
    """A well's automatic row and its corrected one, by ``plate/well`` and ``/time``.

    Raises
    ------
    CorrectionError
        The run has no such well, or its corrected tables are not up to date.
    """
    if not is_current(run):
        raise CorrectionError(
            f"{run.folder}: the corrected tables are older than the corrections; 'monolayer "
            f"corrections recompute {run.folder}' makes them."
        )
    path = run.folder / FOLDER / "wells.parquet"
    tables = [run.table("wells"), pq.read_table(path) if path.is_file() else run.table("wells")]
    found = []
    for table in tables:
        rows = [row for row in table.to_pylist() if _name(row) == well]
        if not rows:
            raise CorrectionError(
                f"{run.folder}: has no well '{well}'; there are {_some_names(table)}."
            )
        found.append(rows[0])
    return found[0], found[1]


def _name(row: Mapping[str, Any]) -> str:
    return "/".join(row[name] for name in WELL if row[name])


def _some_names(table: pa.Table) -> str:
    names = [_name(row) for row in table.select(list(WELL)).slice(0, 6).to_pylist()]
    return ", ".join(names) + (", ..." if len(table) > len(names) else "")


class _Found:
    """Corrected fields, one measured after the other; labels are not kept in memory."""

    def __init__(self, run: RunReview) -> None:
        self.run = run
        self.revised: dict[str, Revised] = {}
        self.not_applicable: list[str] = []

    def reviews(self) -> Iterator[FieldReview]:
        for field_id in self.run.corrected_fields():
            try:
                review = self.run.field(field_id)
            except CorrectionError as error:
                self.not_applicable.append(f"corrections of field '{field_id}': {error}")
                continue
            self.not_applicable += [
                f"correction {event.number} of field '{field_id}' does not apply: {why}."
                for event, why in review.not_applicable()
            ]
            if review.corrected.changed:
                self.revised[field_id] = _numbered(review)
                yield review


def _numbered(review: FieldReview) -> Revised:
    """The field's row and objects with the numbers of the corrections behind them."""
    corrected, revised = review.corrected, review.revised
    objects = dict(revised.objects)
    if objects:
        touched = [corrected.touched.get(int(label), ()) for label in objects["label"]]
        texts = [";".join(map(str, numbers)) or None for numbers in touched]
        objects["corrections"] = np.array(texts, dtype=object)
    return Revised(revised.row | {"n_corrections": len(corrected.numbers)}, objects)


def _write(run: RunReview, found: _Found, beside: Path) -> list[Difference]:
    for review in found.reviews():
        if review.corrected.excluded is None:
            result = FieldResult(review.revised.row, labels=review.corrected.labels)
            write_labels(beside / labels_path(review.field_id), result)
    revised = found.revised
    zeros = pa.array(np.zeros(len(run.fields), np.int64))
    automatic = run.fields.append_column("n_corrections", zeros)
    rows: dict[Key, Row] = {(name,): each.row for name, each in revised.items()}
    fields = with_rows(automatic, rows, ("field_id",))
    wells, plates = run.table("wells"), run.table("plates")
    new_wells, of_wells = with_revised_wells(run, fields, revised, wells)
    new_plates, of_plates = with_revised_plates(run, new_wells, set(of_wells), plates)
    for name, table in (("fields", fields), ("wells", new_wells), ("plates", new_plates)):
        pq.write_table(table, beside / f"{name}.parquet")
    touched = {each.row["plate"] for each in revised.values()}
    for plate in run.fields["plate"].unique().to_pylist():
        path = beside / objects_path(plate)
        path.parent.mkdir(exist_ok=True)
        if plate in touched:
            _write_objects(run, plate, revised, path)
        else:
            _share(run.folder / objects_path(plate), path)
    told = [
        *_compared("field", run.fields, rows, ("field_id",), run),
        *_compared("well", wells, of_wells, WELL, run),
        *_compared("plate", plates, of_plates, PLATE, run),
    ]
    names = (*_HEAD, "automatic", "corrected", "difference")
    kinds = [pa.string()] * len(_HEAD) + [pa.float64()] * 3
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    found_rows = [{name: getattr(each, name) for name in names} for each in told]
    pq.write_table(pa.Table.from_pylist(found_rows, schema), beside / "differences.parquet")
    return told


def _counts(folder: Path) -> dict[str, int]:
    """Fields in each state."""
    states = Counter(
        pq.read_table(folder / "fields.parquet", columns=["state"])["state"].to_pylist()
    )
    return {str(state): states[str(state)] for state in State}


def _share(source: Path, path: Path) -> None:
    """A plate nobody corrected: the run's file under another name, or a copy of it."""
    try:
        path.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, path)


def _compared(
    level: str, table: pa.Table, rows: Mapping[Key, Row], names: tuple[str, ...], run: RunReview
) -> list[Difference]:
    keys = zip(*(table[name].to_pylist() for name in names), strict=True)
    told = []
    for place, key in enumerate(keys):
        if key in rows:
            (before,) = table.slice(place, 1).to_pylist()
            told += differences(level, before, rows[key], run.figures(level))
    return told


def _write_objects(run: RunReview, plate: str, revised: Mapping[str, Revised], path: Path) -> None:
    """A plate's objects, a row group at a time, corrected fields' in their place."""
    with pq.ParquetFile(run.folder / objects_path(plate)) as file:
        schema = file.schema_arrow.append(pa.field("corrections", pa.string()))
        waiting = {
            name: _revised_table(each, schema)
            for name, each in revised.items()
            if each.row["plate"] == plate
        }
        corrected = frozenset(waiting)
        with RowGroups(path, schema) as out:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                table = table.append_column("corrections", pa.nulls(len(table), pa.string()))
                for field_id, stretch in _stretches(table):
                    if field_id not in corrected:
                        out.add(stretch)
                    elif field_id in waiting:
                        out.add(waiting.pop(field_id))
            for table in waiting.values():  # of fields in which the run found nothing
                out.add(table)


def _stretches(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Rows of one field after the other."""
    ids = np.asarray(table["field_id"].to_pylist(), dtype=object)
    edges = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), len(ids)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield str(ids[start]), table.slice(start, stop - start)


def _revised_table(revised: Revised, schema: pa.Schema) -> pa.Table:
    """A corrected field's objects with the columns of its plate's table."""
    if not revised.objects:
        return schema.empty_table()
    row = revised.row
    where = Field(row["plate"], row["well"] or "", row["field"], row["time"] or "", {})
    return aligned(objects_table(where, revised.objects), schema)


def _made_of(run: RunReview) -> dict[str, Any]:
    """What the corrected tables follow from: equal means they need not be made again."""
    return {
        "corrections_sha256": run.log.head(),
        "tables_of": run.record.get("tables_of"),
        "monolayer": runfolder.program_version(),
    }
