"""A plan in a file, so that the shards of a run do not each list the whole folder.

    monolayer-plan 1 SHA-256     the first line; the hash is of all that follows
    {...}                        where the images are, method, layout, selection, what was listed
    fields missing stamps        packed, as long as the line above says

It holds what a listing found and nothing of pixels. Files that changed since are refused; files
that came since are not in it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monolayer.engine.files import write_file
from monolayer.engine.plan import Plan
from monolayer.engine.runfolder import program_version
from monolayer.engine.stamps import Stamps
from monolayer.errors import ConfigError, InputError
from monolayer.method import Method
from monolayer.packed import PackedFields
from monolayer.read import Listing, root_of

__all__ = ["Asked", "load_plan", "save_plan"]

FORMAT = 1
_MAGIC = b"monolayer-plan "


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks of a saved plan besides; None where nothing is said.

    Attributes
    ----------
    images, layout, select : str or None
        As given to `make_plan`.
    method : Method or None
        Settings of every stage.
    """

    images: str | None = None
    layout: str | None = None
    select: str | None = None
    method: Method | None = None


def save_plan(plan: Plan, select: str | None, path: Path) -> None:
    """Write a plan, and how the files of its fields are now, in one visible step.

    Parameters
    ----------
    plan : Plan
        What was found.
    select : str or None
        The selection that made it.
    path : Path
        The file; one that is there is replaced if it is a saved plan.

    Raises
    ------
    ConfigError
        The file cannot be written, or is another kind of file.
    """
    try:
        if path.exists() and not _is_plan(path):
            raise ConfigError(
                f"--save {path}: is there and is no saved plan; give another name, or remove it."
            )
        write_file(path, _content(plan, select, path))
    except OSError as error:
        raise ConfigError(f"--save {path}: cannot be written ({error.strerror}).") from None


def load_plan(path: Path, asked: Asked | None = None) -> Plan:
    """Read a plan that `save_plan` wrote.

    Raises
    ------
    ConfigError
        The file is absent, damaged, of another version of monolayer, or no saved plan; or it is
        of another image folder, layout, selection or method than asked for.
    """
    head, body = _opened(path)
    made_by = head["monolayer"]
    if made_by != program_version():
        # Another version may find other fields in the same folder.
        raise _unfit(path, f"was saved by monolayer {made_by}, and this is {program_version()}")
    try:
        method = Method.model_validate(head["method"])
    except ValidationError:
        raise _unfit(path, "holds a method that this monolayer does not read") from None
    _check_asked(path, head, method, asked or Asked())
    fields, missing, stamps = _cut(body, head["bytes"])
    found = PackedFields.from_bytes(fields)
    listed = head["listing"]
    return Plan(
        root=root_of(head["images"]),
        listing=Listing(
            layout=listed["layout"],
            fields=found,
            missing=tuple(PackedFields.from_bytes(missing)),
            incomplete=tuple((name, told) for name, told in listed["incomplete"]),
            ignored=tuple((name, why) for name, why in listed["ignored"]),
            pixel_size_um=listed["pixel_size_um"],
            pixel_size_source=listed["pixel_size_source"],
        ),
        fields=found,
        missing=tuple(PackedFields.from_bytes(missing)),
        method=method,
        layout=head["layout"],
        stamps=Stamps(path, stamps),
    )


def _content(plan: Plan, select: str | None, path: Path) -> bytes:
    parts = (
        PackedFields(plan.fields).to_bytes(),
        PackedFields(plan.missing).to_bytes(),
        Stamps.take(path, plan.fields, plan.root).hashes,
    )
    listing = plan.listing
    head = {
        "monolayer": program_version(),
        "images": str(plan.root),
        "layout": plan.layout,
        "select": select or "",
        "method": plan.method.used(),
        "listing": {
            "layout": listing.layout,
            "incomplete": listing.incomplete,
            "ignored": listing.ignored,
            "pixel_size_um": listing.pixel_size_um,
            "pixel_size_source": listing.pixel_size_source,
        },
        "bytes": [len(part) for part in parts],
    }
    content = b"".join((json.dumps(head).encode(), b"\n", *parts))
    return _MAGIC + f"{FORMAT} {hashlib.sha256(content).hexdigest()}\n".encode() + content


def _is_plan(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _opened(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and what follows it, once the file is known to be whole."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"--plan {path}: cannot be read ({error.strerror}).") from None
    if not content.startswith(_MAGIC):
        raise _unfit(path, "is no saved plan")
    first, _, rest = content.partition(b"\n")
    told, _, digest = first.removeprefix(_MAGIC).partition(b" ")
    if told.isdigit() and int(told) > FORMAT:
        raise _unfit(path, "was saved by a newer monolayer")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise _unfit(path, "is damaged or cut short")
    head, _, body = rest.partition(b"\n")
    return json.loads(head), body


def _cut(body: bytes, lengths: list[int]) -> list[bytes]:
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    return [body[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _unfit(path: Path, why: str) -> ConfigError:
    return ConfigError(f"--plan {path}: {why}; save it ('monolayer plan IMAGES --save {path}').")


def _check_asked(path: Path, head: dict[str, Any], method: Method, asked: Asked) -> None:
    """Refuse what would silently be another run than the one asked for."""
    named = {"images": asked.images and _place(asked.images)}
    named |= {"layout": asked.layout, "select": asked.select}
    for key, wanted in named.items():
        saved = head[key] or "all"
        if wanted is not None and (wanted or "all") != saved:
            raise InputError(
                f"--plan {path}: was saved for {key} '{saved}' and not '{wanted}'; leave "
                "that out, or save another plan."
            )
    if asked.method is not None and asked.method.sha256 != method.sha256:
        raise InputError(
            f"--plan {path}: was saved with another method ({method.name} {method.version}, hash "
            f"{method.sha256[:12]}) than the one given ({asked.method.sha256[:12]}); leave "
            "--method and its like out, or save another plan."
        )


def _place(images: str) -> str:
    root = root_of(images)
    return str(root.expanduser().resolve() if isinstance(root, Path) else root)
