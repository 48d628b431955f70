"""From parts to tables: rows in the plan's order, whoever did the work and when.

1. what only the fields together can tell (doubles, a blurred field among sharp ones): `marks`
2. fields.parquet    one row a planned field, whatever became of it
3. objects/          one file a plate, written well by well: memory holds a well, not a plate
4. wells.parquet, plates.parquet

Nothing that a clock or a machine says goes in, so equal work gives equal files. One walk along
the plan makes 2 to 4, some wells at a time, so that memory hardly grows with the run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import merge
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.engine.files import labels_path, objects_path
from monolayer.engine.marks import Evidence, Verdict, judge_together, mark, mark_incomplete
from monolayer.engine.memory import give_back
from monolayer.engine.part_rows import PartRows
from monolayer.engine.parts import identity_columns
from monolayer.engine.plan import Plan
from monolayer.engine.row_groups import RowGroups
from monolayer.engine.schema import IDENTITY, fields_schema
from monolayer.field import Field, State
from monolayer.inspect import PLATE_QUALITY, WELL_QUALITY, plate_quality, well_quality
from monolayer.summarise import plates_table, wells_table
from monolayer.summarise.schema import PLATE_HEAD, WELL_HEAD, schema_of

__all__ = ["collect"]

ROWS_AT_ONCE = 1024
# Some wells of an ordinary plate: 60 columns of them are 8 MB.
OBJECTS_A_GROUP = 16_384

Row = dict[str, Any]
Key = tuple[str | None, ...]
Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Planned:
    """A field of the plan, and its place among those found; None where it is missing."""

    field: Field
    place: int | None

    @property
    def well(self) -> Key:
        return self.field.plate, self.field.well or None, self.field.time or None


def collect(plan: Plan, folder: Path, signatures: Mapping[str, str]) -> dict[str, int]:
    """Make the run's tables from its parts; return the number of fields in each state.

    Parameters
    ----------
    plan : Plan
        Fields and their order.
    folder : Path
        The run's folder.
    signatures : mapping of str to str
        Signature of each field's work, by field id.
    """
    parts = PartRows(plan.fields, folder, signatures, fields_schema(plan))
    give_back()  # what reading the ledgers took
    field_rows = _FieldRows(plan, parts, _judge(plan, folder, parts))
    states: Counter[str] = Counter()
    written: set[Path] = set()
    with _Tables(plan, folder, parts) as tables:
        for plate, planned in groupby(_in_order(plan), key=lambda item: item.field.plate):
            written.add(folder / objects_path(plate))
            with tables.plate(plate) as table:
                for some in _some_wells(planned):
                    rows = field_rows.of(some)
                    states.update(rows["state"].to_pylist())
                    table.add(some, rows)
    for stale in set((folder / "objects").glob("*.parquet")) - written:
        stale.unlink()
    return {str(state): states[state] for state in State}


def _judge(plan: Plan, folder: Path, parts: PartRows) -> dict[int, Verdict]:
    """Walk along the fields once for what they are judged by together."""
    evidence = Evidence(len(plan.fields), plan.method.inspect)
    for place, row in parts.figures(Evidence.COLUMNS):
        evidence.note(place, row)
        if row["state"] != State.OK:  # an image that changed for the worse left its labels
            (folder / labels_path(row["field_id"])).unlink(missing_ok=True)
    return judge_together(evidence, lambda place: plan.fields[place].field_id)


def _in_order(plan: Plan) -> Iterator[_Planned]:
    """Fields, found and missing, in the order of the tables."""
    found = (_Planned(field, place) for place, field in enumerate(plan.fields))
    absent = [_Planned(field, None) for field in plan.missing if field.problem]
    return merge(found, absent, key=lambda item: item.field.sort_key) if absent else found


def _some_wells(planned: Iterable[_Planned]) -> Iterator[list[_Planned]]:
    """Whole wells, some hundred fields at a time."""
    some: list[_Planned] = []
    for _, well in groupby(planned, key=lambda item: item.well):
        some += well
        if len(some) >= ROWS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


class _FieldRows:
    """Rows of the fields table; one by one only where a row is not as its part has it."""

    def __init__(self, plan: Plan, parts: PartRows, verdicts: Mapping[int, Verdict]) -> None:
        self._parts, self._verdicts = parts, verdicts
        self._inspect = plan.method.inspect
        self._lacks = dict(plan.listing.incomplete)

    def of(self, some: Sequence[_Planned]) -> pa.Table:
        tables = [self._parts.schema.empty_table()]
        for as_it_is, stretch in groupby(some, key=self._stays):
            items = list(stretch)
            rows = self._parts.fields(item.place for item in items if item.place is not None)
            if not as_it_is:
                held = iter(rows.to_pylist())
                changed = [
                    _missing(item.field) if item.place is None else self._changed(item, next(held))
                    for item in items
                ]
                rows = pa.Table.from_pylist(changed, self._parts.schema)
            tables.append(rows)
        return pa.concat_tables(tables).combine_chunks()

    def _stays(self, item: _Planned) -> bool:
        timed = item.field.time or "time" not in self._inspect.gate.required
        judged = item.place is None or item.place in self._verdicts
        lacks = self._lacks and item.field.field_id in self._lacks
        return bool(timed) and not judged and not lacks

    def _changed(self, item: _Planned, row: Row) -> Row:
        """Say in the row what its neighbours tell of it."""
        lacks = self._lacks.get(item.field.field_id, "")
        notes = "; ".join(text for text in (row["notes"], lacks) if text)
        assert item.place is not None
        marked = mark(row | {"notes": notes or None}, self._verdicts.get(item.place))
        return mark_incomplete(marked, lacks, self._inspect)


def _missing(field: Field) -> Row:
    assert field.problem is not None
    why = {"state": str(State.MISSING), "reason": "missing", "detail": field.problem[1]}
    return identity_columns(field) | why


class _Tables(ExitStack):
    """The run's tables while they are written; each appears when it is whole."""

    def __init__(self, plan: Plan, folder: Path, parts: PartRows) -> None:
        super().__init__()
        self.plan, self.folder, self.parts = plan, folder, parts
        self.producer = _producer(plan)
        objects = parts.objects_schema() or pa.schema([(name, pa.string()) for name in IDENTITY])
        self.objects_schema = objects.with_metadata(self.producer)
        assay, method, channels = assay_of(plan.method), plan.method, plan.channels
        self.of_wells = [*WELL_QUALITY, *assay.well_columns(channels, method)]
        self.of_plates = [*PLATE_QUALITY, *assay.plate_columns(channels, method)]
        self.fields = self._open("fields", parts.schema)
        self.wells = self._open("wells", schema_of([*WELL_HEAD, *self.of_wells]))
        self.plates = self._open("plates", schema_of([*PLATE_HEAD, *self.of_plates]))

    def plate(self, name: str) -> "_PlateTables":
        return _PlateTables(self, self.folder / objects_path(name))

    def _open(self, name: str, schema: pa.Schema) -> RowGroups:
        path = self.folder / f"{name}.parquet"
        return self.enter_context(RowGroups(path, schema.with_metadata(self.producer)))


class _PlateTables(ExitStack):
    """What one plate adds to the tables, and its objects in a file of their own."""

    def __init__(self, tables: _Tables, path: Path) -> None:
        super().__init__()
        self._tables = tables
        self._assay, self._method = assay_of(tables.plan.method), tables.plan.method
        self._wells: list[pa.Table] = []
        self._objects = self.enter_context(RowGroups(path, tables.objects_schema, OBJECTS_A_GROUP))

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        if failure[0] is None:
            self._summarise()

    def add(self, some: Sequence[_Planned], rows: pa.Table) -> None:
        """Add whole wells: their fields' rows, their objects, and what both come to."""
        self._tables.fields.add(rows)
        gate, assay, method = self._method.inspect.gate, self._assay, self._method
        objects = self._take_objects(some, rows)
        table = wells_table(
            rows,
            lambda key: next(found for well, found in objects if well == key),
            lambda of_well, objects: {
                **well_quality(of_well, gate),
                **assay.summarise_well(of_well, objects, method),
            },
            self._tables.of_wells,
        )
        self._tables.wells.add(table)
        self._wells.append(table)

    def _take_objects(
        self, some: Sequence[_Planned], rows: pa.Table
    ) -> Iterator[tuple[Key, Columns]]:
        """Write wells' objects, and give each well's columns to who summarises it, in turn."""
        for wells in _few_objects(some, _n_objects(rows)):
            places = [place for well in wells for place in well.places]
            table = self._tables.parts.objects(places, self._tables.objects_schema)
            self._objects.add(table)
            columns, start = _Numbers(table), 0
            for well in wells:
                end = start + well.n_objects
                yield well.key, _Stretch(columns, slice(start, end))
                start = end

    def _summarise(self) -> None:
        assay, method = self._assay, self._method
        table = plates_table(
            pa.concat_tables(self._wells),
            lambda wells: {**plate_quality(wells), **assay.summarise_plate(wells, method)},
            self._tables.of_plates,
        )
        self._tables.plates.add(table)


class _Numbers:
    """A table's columns of numbers as arrays, each made when it is first asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table, self._made = table, dict[str, NDArray[Any]]()
        kinds = zip(table.schema.names, table.schema.types, strict=True)
        self.names = tuple(name for name, kind in kinds if not pa.types.is_string(kind))

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._made:
            if name not in self.names:
                raise KeyError(name)
            self._made[name] = np.asarray(self._table[name].to_numpy(zero_copy_only=False))
        return self._made[name]


class _Stretch(Mapping[str, NDArray[Any]]):
    """Some rows of columns: of 60, a well's summary asks for ten."""

    __slots__ = ("_columns", "_rows")

    def __init__(self, columns: _Numbers, rows: slice) -> None:
        self._columns, self._rows = columns, rows

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name][self._rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names)

    def __len__(self) -> int:
        return len(self._columns.names)


@dataclass(slots=True)
class _Well:
    """A well's fields that have objects, by their place in the plan, and how many these are."""

    key: Key
    places: list[int]
    n_objects: int


def _few_objects(some: Sequence[_Planned], counts: Sequence[int]) -> Iterator[list[_Well]]:
    """Wells whose objects fill about a row group: each table of them costs a millisecond."""
    wells: list[_Well] = []
    planned = zip(some, counts, strict=True)
    for key, members in groupby(planned, key=lambda pair: pair[0].well):
        counted = [(item.place, n) for item, n in members if n and item.place is not None]
        wells.append(_Well(key, [place for place, _ in counted], sum(n for _, n in counted)))
        if sum(well.n_objects for well in wells) >= OBJECTS_A_GROUP:
            yield wells
            wells = []
    if wells:
        yield wells


def _n_objects(rows: pa.Table) -> list[int]:
    """Objects of each field; none of one that is not ok, or of an assay that counts none."""
    if "n_objects" not in rows.column_names:
        return [0] * len(rows)
    told = zip(rows["state"].to_pylist(), rows["n_objects"].to_pylist(), strict=True)
    return [n or 0 if state == State.OK else 0 for state, n in told]


def _producer(plan: Plan) -> dict[str, str]:
    """Who made a table; no clock, so that equal tables are equal files."""
    return {
        "data-producer": "monolayer",
        "data-producer-version": version("monolayer"),
        "method": f"{plan.method.name} {plan.method.version}",
        "method_sha256": plan.method.sha256,
    }
