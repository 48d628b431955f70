"""The parts' rows and objects in the plan's order, a few parts in memory at a time.

Where a field's results lie is known from the parts' ledgers: 8 bytes a field. Fields are asked
for in the plan's order and parts hold neighbours, so a handful of open parts serves every run of
fields; with shards, as many as there are shards.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from monolayer.engine.ledger import ledger_of
from monolayer.engine.parts import OpenPart, aligned
from monolayer.field import Field

__all__ = ["PartRows"]

OPEN_PARTS = 32


class PartRows:
    """What the parts hold of a plan's fields, each named by its place in the plan.

    Parameters
    ----------
    fields : iterable of Field
        The plan's; each is in a part.
    folder : Path
        The run's folder.
    signatures : mapping of str to str
        Signature of each field's work, by field id.
    schema : pyarrow.Schema
        Columns of the fields table.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        folder: Path,
        signatures: Mapping[str, str],
        schema: pa.Schema,
    ) -> None:
        self.schema = schema
        ledger = ledger_of(folder)
        self._names = ledger.parts
        self._part, self._row = array("L"), array("L")
        for field in fields:
            part, row, _ = ledger.place_of(signatures[field.field_id])
            self._part.append(part)
            self._row.append(row)
        self._of_objects: list[pa.Schema] = []
        self._open = lru_cache(maxsize=OPEN_PARTS)(
            lambda part: OpenPart(folder, self._names[part], schema)
        )

    def figures(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give some columns of every field's row, and meet the columns of the objects."""
        figures = lru_cache(maxsize=OPEN_PARTS)(lambda part: self._first_look(part, columns))
        for part, row in zip(self._part, self._row, strict=True):
            yield figures(part)[row]

    def _first_look(self, part: int, columns: Sequence[str]) -> list[dict[str, Any]]:
        schema = self._open(part).objects.schema
        if "label" in schema.names and not any(map(schema.equals, self._of_objects)):
            self._of_objects.append(schema)
        return self._open(part).figures(columns)

    def objects_schema(self) -> pa.Schema:
        """Columns that any part's objects have, as `figures` met them; those of no object."""
        found = self._of_objects
        return pa.unify_schemas(found, promote_options="permissive") if found else pa.schema([])

    def fields(self, places: Iterable[int]) -> pa.Table:
        """Rows of the fields table."""
        tables = [self.schema.empty_table()]
        for part, rows in self._stretches(places):
            tables.append(self._open(part).fields.slice(rows[0], len(rows)))
        return pa.concat_tables(tables)

    def objects(self, places: Iterable[int], schema: pa.Schema) -> pa.Table:
        """Rows of the objects table."""
        where = ((self._open(self._part[place]), self._row[place]) for place in places)
        batches = [batch for part, row in where for batch in part.objects_of(row)]
        tables = [schema.empty_table()]
        for _, alike in groupby(batches, key=lambda batch: batch.schema):
            tables.append(aligned(pa.Table.from_batches(alike), schema))
        return pa.concat_tables(tables).combine_chunks()

    def _stretches(self, places: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
        """Neighbours that are neighbours in one part as well."""
        part, rows = -1, list[int]()
        for place in places:
            if self._part[place] != part or self._row[place] != rows[-1] + 1:
                if rows:
                    yield part, rows
                part, rows = self._part[place], []
            rows.append(self._row[place])
        if rows:
            yield part, rows
