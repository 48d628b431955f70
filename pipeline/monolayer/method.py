"""The method: how images become numbers. One frozen object, one file, one hash.

A method is the settings of every stage plus its own name and version. Its hash covers
everything that can change a number, so a run's folder can say what made it and refuse to mix.
The commented file that ``monolayer init`` writes is made from the same descriptions that the
settings carry: it cannot drift from the code.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field as Setting
from pydantic import ValidationError

from monolayer.classify.settings import ViabilitySettings, required_lot
from monolayer.errors import ConfigError
from monolayer.inspect.settings import IlluminationSettings, InspectSettings
from monolayer.measure.settings import MeasureSettings
from monolayer.qualify.record import QualificationRecord, QualificationReference, refusal
from monolayer.read.settings import ReadSettings
from monolayer.segment.cells.settings import CellOutlineSettings
from monolayer.segment.cover.settings import ConfluenceSettings
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.suspension.settings import SuspensionSettings
from monolayer.settings import Settings
from monolayer.settings_file import (
    commented,
    content_sha256,
    load_settings,
    load_yaml,
    sentence,
)
from monolayer.summarise.reference_settings import CultureSettings, Reference, ReferenceLimits
from monolayer.summarise.settings import SummariseSettings
from monolayer.summarise.shape_settings import ShapeSettings

__all__ = [
    "SCHEMA_VERSION",
    "AssayName",
    "Method",
    "MorphologySettings",
    "commented_method",
    "load_method",
]

SCHEMA_VERSION = 1

AssayName = Literal["nuclei", "confluence", "viability", "suspension", "morphology"]

_EVERY = ("read", "inspect", "illumination", "summarise")
# Sections that change an assay's numbers; the others are not written, hashed or shown.
_SECTIONS: dict[AssayName, tuple[str, ...]] = {
    "nuclei": (*_EVERY, "segment", "measure"),
    "confluence": (*_EVERY, "confluence"),
    "viability": (*_EVERY, "segment", "measure", "viability"),
    "suspension": (*_EVERY, "suspension"),
    "morphology": (*_EVERY, "segment", "measure", "morphology"),
}

# Sections whose ``reference`` may name a file, and the verb that makes it.
_REFERENCES = {"inspect": "monolayer quality", "morphology": "monolayer reference"}


class MorphologySettings(Settings):
    """Settings of the assay morphology; nuclei are found as the section ``segment`` says."""

    cell_channel: str | None = None
    """Channel that shows cytoplasm or membrane, named as found (w2, C02, ch2, actin). Empty: the
    morphology is that of the nuclei alone, and the rows say so."""

    outline: CellOutlineSettings = Setting(default_factory=CellOutlineSettings)
    """How the cell around each nucleus is outlined."""

    max_nuclear_share: float = Setting(default=0.8, gt=0, le=1)
    """Largest median of nuclear over cell area; above it no cells are seen (stain missing, or
    channels swapped) and the field is not evaluable."""

    max_light_ratio: float = Setting(default=0.15, gt=0, allow_inf_nan=False)
    """Largest light beside the nuclei as a share of that in them, the nuclear channel's over the
    cell channel's; above it the channels are taken for swapped and the field is not evaluable."""

    shapes: ShapeSettings = Setting(default_factory=ShapeSettings)
    """What is called a spindle, and what flattened."""

    culture: CultureSettings = Setting(default_factory=CultureSettings)
    """What the images show; it must agree with the reference's."""

    reference: Reference | None = None
    """The process's own reference, or the path of its file (``monolayer reference`` makes one),
    relative to the method file. Empty: wells are not compared."""

    limits: ReferenceLimits = Setting(default_factory=ReferenceLimits)
    """When a well is compared, what is an alert and what asks for action."""


class Method(Settings):
    """Settings of every stage, named and versioned."""

    schema_version: Literal[1] = 1
    """Version of this file's format; written by ``monolayer init``."""
    name: str = "nuclei"
    """What your site calls this method."""
    version: str = "1"
    """Your site's version of it; raise it with every change."""
    assay: AssayName = "nuclei"
    """What is counted or measured, in ISO 20391-1's words: nuclei in fluorescence (direct, total),
    confluence (indirect), viability in fluorescence (direct, differential), suspension counts in
    bright field (direct, differential), morphology of cells."""
    read: ReadSettings = Setting(default_factory=ReadSettings)
    """Which channel and plane, and how large a pixel is."""
    inspect: InspectSettings = Setting(default_factory=InspectSettings)
    """Which images can be evaluated at all."""
    illumination: IlluminationSettings = Setting(default_factory=IlluminationSettings)
    """Flat-field correction from the run's own fields."""
    segment: SegmentSettings = Setting(default_factory=SegmentSettings)
    """How nuclei are found."""
    measure: MeasureSettings = Setting(default_factory=MeasureSettings)
    """What is measured of each."""
    confluence: ConfluenceSettings = Setting(default_factory=ConfluenceSettings)
    """How covered surface is found."""
    summarise: SummariseSettings = Setting(default_factory=SummariseSettings)
    """How fields become wells and plates, with which confidence."""
    morphology: MorphologySettings = Setting(default_factory=MorphologySettings)
    """Cells and nuclei as populations of shapes, and what they are compared with."""
    viability: ViabilitySettings = Setting(default_factory=ViabilitySettings)
    """Living and dead cells by two dyes, for the assay viability."""
    suspension: SuspensionSettings = Setting(default_factory=SuspensionSettings)
    """Cells in a counting chamber in bright field, for the assay suspension."""

    qualification: QualificationReference | None = None
    """The method's own qualification; a run is refused unless it is of exactly these settings."""

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that can change a number, as canonical JSON."""
        # The qualification names this hash, and cannot be in it.
        text = json.dumps(
            _without(self.used(), "qualification"), sort_keys=True, separators=(",", ":")
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def to_yaml(self) -> str:
        """Write the method as used, every value spelled out."""
        text: str = yaml.safe_dump(self.used(), sort_keys=False)
        return text

    def used(self) -> dict[str, Any]:
        """The settings that can change a number of this assay, as plain data."""
        data: dict[str, Any] = self.model_dump(mode="json")
        return {name: value for name, value in data.items() if self.uses(name)}

    def uses(self, name: str) -> bool:
        """Whether a section (or a plain setting) belongs to this method's assay."""
        if name == "qualification":
            return self.qualification is not None
        section = isinstance(getattr(self, name), Settings)
        return not section or name in _SECTIONS[self.assay]

    def check_complete(self) -> None:
        """Raise ConfigError where the assay lacks what only the site can give, before any field.

        Raises
        ------
        ConfigError
            Something is not there, or the qualification that the method asks for.
        """
        why = self.qualification and refusal(self.qualification, self.sha256)
        if why:
            raise ConfigError(f"method {self.name} {self.version} asks to be qualified, but {why}")
        if self.assay == "viability":
            required_lot(self.viability)

    def with_options(self, pixel_size_um: float | None, channel: str | None) -> "Method":
        """Return this method with what a command line overrides (None changes nothing)."""
        sized = self.with_pixel_size(pixel_size_um)
        if channel is None:
            return sized
        return sized.model_copy(update={"read": sized.read.model_copy(update={"channel": channel})})

    def with_pixel_size(self, pixel_size_um: float | None) -> "Method":
        """Return this method with the given pixel size (None changes nothing).

        Raises
        ------
        ConfigError
            It is no microscope's: not 0.01 to 100 um.
        """
        if pixel_size_um is None:
            return self
        if not 0.01 <= pixel_size_um <= 100:
            raise ConfigError(
                f"A pixel size of {pixel_size_um:g} um is not a microscope's: give micrometres per "
                "pixel between 0.01 and 100, such as 0.65."
            )
        read = self.read.model_copy(update={"pixel_size_um": pixel_size_um})
        return self.model_copy(update={"read": read})


def load_method(path: Path | None, assay: str | None = None, *, qualified: bool = True) -> Method:
    """Read a method file; the built-in method where no file is given.

    Parameters
    ----------
    path : Path or None
        The file.
    assay : str, optional
        Wins over what the file says.
    qualified : bool
        False passes over the file's qualification, for who is about to renew it.

    Raises
    ------
    ConfigError
        One sentence that names the file, the key and the mend.
    """
    where = "--assay" if path is None else str(path)
    data = {} if path is None else load_yaml(path, "--method", "monolayer init")
    if path is not None:
        _check_schema(data, path)
        data = _with_references(data, path.parent)
        data = _with_qualification(data, path) if qualified else _without(data, "qualification")
    if assay is not None:
        data = data | {"assay": assay}
    named = {"name": data.get("assay", "nuclei")} | data
    try:
        method = Method.model_validate(named)
    except ValidationError as error:
        raise ConfigError(f"{where}: {sentence(error.errors()[0], Method)}") from None
    _check_sections(method, data, where)
    return method


def commented_method(method: Method | None = None) -> str:
    """The method as a YAML file in which every key says what it means."""
    head = "# A monolayer method: how images become numbers.\n# Delete what you do not change.\n\n"
    shown = method or Method()
    return head + commented(shown, shown.uses)


def _check_sections(method: Method, data: Mapping[str, Any], where: str) -> None:
    """Refuse a section that would be passed over because nobody named its assay."""
    unused = [name for name in data if not method.uses(name)]
    if unused and "assay" not in data:
        raise ConfigError(
            f"{where}: the section '{unused[0]}' is not used by assay 'nuclei'; say 'assay: "
            f"{unused[0]}' in the file, or take the section out."
        )


def _with_references(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Put references that a method names as files in their place, so that the hash covers them."""
    for section, made_by in _REFERENCES.items():
        settings = data.get(section)
        name = settings.get("reference") if isinstance(settings, dict) else None
        if isinstance(name, str):
            content = load_yaml(folder / name, f"{section}.reference", made_by)
            data = data | {section: data[section] | {"reference": content}}
    return data


def _without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


def _with_qualification(data: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put the record of a qualification in the place of its file's name, if it is the one meant."""
    told = data.get("qualification")
    if not (isinstance(told, dict) and isinstance(told.get("record"), str)):
        return data
    named = path.parent / told["record"]
    record = load_settings(
        named, QualificationRecord, "qualification.record", "monolayer qualify -o"
    )
    if content_sha256(record) != told.get("sha256"):
        raise ConfigError(
            f"{named}: is not the record that {path} was given (SHA-256 "
            f"{content_sha256(record)[:12]}, expected {str(told.get('sha256'))[:12]}); put that "
            "one back, or qualify the method again."
        )
    return data | {"qualification": told | {"record": record.model_dump(mode="json")}}


def _check_schema(data: dict[str, Any], path: Path) -> None:
    version = data.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ConfigError(
            f"{path}: schema_version {version} is newer than the {SCHEMA_VERSION} this monolayer "
            "reads; update monolayer or use the method file of its own version."
        )
