"""The plan: which fields a run covers, found before any pixel is counted.

A dry run ends here (``monolayer plan``); a run goes on with the same object.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monolayer.engine.stamps import Stamps
from monolayer.errors import ConfigError, ImageError, InputError
from monolayer.field import Field
from monolayer.method import Method
from monolayer.packed import PackedFields
from monolayer.read import Listing, Root, find_fields, read_field, root_of
from monolayer.read.scans import is_scan

if TYPE_CHECKING:
    from monolayer.inspect import QualityReference

__all__ = ["Notify", "Plan", "Selection", "expected_memory", "make_plan", "roles_of"]

# Bytes a worker holds at its peak: interpreter and compiled kernels, and per pixel of a field
# the channels, the smoothed image, levels and labels. Measured without Dask: 195 MB at 256 x 256,
# 336 MB at 2048 x 2048, 751 MB at 4096 x 4096; tests/pipeline/test_engine_plan.py measures again.
BASE_BYTES = 330e6
BYTES_PER_PIXEL = 40
# What a worker may take for a scan where --max-memory-mb says nothing else.
SCAN_BYTES = 1e9
PROBED = 8


Notify = Callable[[str, int, int], None]
"""Is told ``(stage, done, total)`` as the work goes on."""


@dataclass(frozen=True, slots=True)
class Selection:
    """``plate=P1,well=B03``: the part of a folder that a run covers; empty takes all."""

    plate: str | None = None
    well: str | None = None
    field: str | None = None
    time: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Selection":
        """Read ``key=value`` pairs parted by commas.

        Raises
        ------
        ConfigError
            A pair has no ``=`` or a key that is not one of plate, well, field and time.
        """
        pairs = [part.strip() for part in text.split(",") if part.strip()]
        chosen: dict[str, str] = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or key not in cls.__slots__:
                raise ConfigError(
                    f"--select '{pair}': give key=value pairs of plate, well, field and time, "
                    "such as plate=P1,well=B03."
                )
            chosen[key] = value
        return cls(**chosen)

    def takes(self, field: Field) -> bool:
        """Whether the field is selected; wells compare as normalised (b3 is B03)."""
        return all(
            wanted is None or _same(key, wanted, getattr(field, key))
            for key, wanted in ((key, getattr(self, key)) for key in self.__slots__)
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Fields to run over.

    Attributes
    ----------
    root : Path or Remote
        The image folder (or file), or the URL of an OME-Zarr.
    listing : Listing
        All that was found there.
    fields : sequence of Field
        The selected fields, in the order of the tables.
    missing : tuple of Field
        Planned but absent fields of the selection; each one's problem says so.
    method : Method
        Settings of every stage.
    layout : str
        What finds the same fields again: the layout's name, or the regex itself.
    stamps : Stamps or None
        How the fields' files were when the plan was saved; None for one that was made just now.
    """

    root: Root
    listing: Listing
    fields: Sequence[Field]
    missing: tuple[Field, ...]
    method: Method
    layout: str
    stamps: Stamps | None = None

    @property
    def pixel_size_um(self) -> float | None:
        """Micrometres per pixel of the first readable field, if anybody said."""
        return self.listing.pixel_size_um

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels found, in the order they were met."""
        return tuple(dict.fromkeys(name for field in self.fields for name in field.channels))


def make_plan(
    images: Path | str,
    method: Method,
    layout: str = "auto",
    select: str | None = None,
    leave_out: Collection[str] = (),
) -> Plan:
    """Find the fields of a folder and take the selected ones; `leave_out` as for `find_fields`.

    Raises
    ------
    InputError, ConfigError
        The folder, the layout, the selection or the wanted channel cannot be used.
    """
    root = root_of(images)
    if isinstance(root, Path):
        root = root.expanduser().resolve()
    listing = find_fields(root, method.read, layout, leave_out)
    selection = Selection.parse(select or "")
    fields: Sequence[Field] = listing.fields
    if selection != Selection():
        fields = PackedFields(field for field in fields if selection.takes(field))
    if not fields:
        raise InputError(
            f"{images}: {len(listing.fields)} fields found, but --select '{select}' takes none; "
            f"wells found: {_examples(listing.fields)}."
        )
    _check_units(listing, method)
    if method.inspect.reference is not None:
        _check_reference(listing, method.inspect.reference)
    missing = tuple(field for field in listing.missing if selection.takes(field))
    again = layout if listing.layout == "regex" else listing.layout
    return Plan(root, listing, fields, missing, method, again)


def roles_of(plan: Plan) -> dict[str, str]:
    """Channel that each role of the assay takes, as the first usable field has them.

    Raises
    ------
    ConfigError
        A role has no channel, the method lacks what its assay needs (the controls of a lot), or
        its segmenter is not installed.
    """
    from monolayer.assays import assay_of
    from monolayer.segment import segmenter_identity

    if plan.method.uses("segment"):
        segmenter_identity(plan.method.segment)
    usable = next((field for field in plan.fields if field.problem is None), plan.fields[0])
    return assay_of(plan.method).roles(usable.channels, plan.method)


def expected_memory(plan: Plan) -> float | None:
    """Expected peak memory of one worker in bytes, from the first readable field's size."""
    for field in plan.fields[:PROBED]:
        if is_scan(field, plan.root, plan.method.read) is not None:
            return SCAN_BYTES
        try:
            height, width = read_field(field, plan.root, plan.method.read).shape
        except ImageError:
            continue  # its row will say why
        return BASE_BYTES + height * width * (BYTES_PER_PIXEL + 4 * len(field.channels))
    return None


def _same(key: str, wanted: str, have: str) -> bool:
    if key != "well":
        return wanted == have
    split = re.fullmatch(r"([A-Za-z]{1,2})0*(\d+)", wanted.strip())
    return have == (f"{split[1].upper()}{int(split[2]):02d}" if split else wanted)


def _examples(fields: Sequence[Field]) -> str:
    wells = dict.fromkeys(field.well or field.field for field in fields)
    return ", ".join(list(wells)[:6]) + (", ..." if len(wells) > 6 else "")


def _check_units(listing: Listing, method: Method) -> None:
    named = [key for key, value in _um_settings(method).items() if value is not None]
    if named and listing.pixel_size_um is None:
        raise ConfigError(
            f"segment.{named[0]} is in micrometres, but no image says how large a pixel is; give "
            "it with --pixel-size-um, or leave the setting out to have the scale found."
        )


def _check_reference(listing: Listing, reference: "QualityReference") -> None:
    """Refuse a quality reference of another objective before any work, not field by field."""
    from monolayer.inspect import other_objective  # brings numpy, which a resumed run spares

    told = other_objective(listing.pixel_size_um, reference)
    if told is not None:
        raise ConfigError(f"inspect.reference: {told}")


def _um_settings(method: Method) -> dict[str, Any]:
    segment = method.segment.model_dump()
    return {key: value for key, value in segment.items() if key.endswith(("_um", "_um2"))}
