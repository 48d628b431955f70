"""The parts' rows and objects in the plan's order, a few parts in memory at a time.

Where a field's results lie is known from the parts' ledgers: 8 bytes a field. Fields are asked
for in the plan's order and parts hold neighbours, so a handful of open parts serves every run of
fields; with shards, as many as there are shards.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
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
        self._open = lru_cache(maxsize=OPEN_PARTS)(
            lambda part: OpenPart(folder, self._names[part], schema)
        )

    def figures(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give some columns of every field's row."""
        for part, rows in self._stretches(range(len(self._part))):
            found = self._open(part).figures(tuple(columns))
            yield from (found[row] for row in rows)

    def fields(self, places: Iterable[int]) -> pa.Table:
        """Rows of the fields table."""
        tables = [self.schema.empty_table()]
        for part, rows in self._stretches(places):
            tables.append(self._open(part).fields.slice(rows[0], len(rows)))
        return pa.concat_tables(tables)

    def objects(self, places: Iterable[int], schema: pa.Schema) -> pa.Table:
        """Rows of the objects table."""
        tables = [schema.empty_table()]
        for place in places:
            found = self._open(self._part[place]).objects(self._row[place])
            if found.num_rows:
                tables.append(aligned(found, schema))
        return pa.concat_tables(tables).combine_chunks()

    def objects_schema(self) -> pa.Schema:
        """Columns that any part's objects have, in the order in which the plan meets them."""
        found: list[pa.Schema] = []
        seen: set[int] = set()
        for part in self._part:
            if part in seen:
                continue
            seen.add(part)
            schema = self._open(part).objects_schema
            if "label" in schema.names and not any(map(schema.equals, found)):
                found.append(schema)
        return pa.unify_schemas(found, promote_options="permissive") if found else pa.schema([])

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
