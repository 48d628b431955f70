"""Tuning a method, without a screen: its settings as knobs, and a draft of what was tuned.

Knobs are made of the settings' own descriptions and limits, so that none is forgotten when a stage
gets a new one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from monolayer.method import Method

__all__ = ["Knob", "knobs_of", "save_draft", "turned"]

Kind = Literal["number", "choice", "switch"]

_SECTIONS = {
    "nuclei": ("segment",),
    "confluence": ("confluence",),
    "viability": ("segment", "viability"),
    "suspension": ("suspension",),
    "morphology": ("segment", "morphology.outline"),
}
# Of sections that hold other things as well: what changes what is found or how it is told apart.
_ONLY = {
    "viability": ("find", "compensate", "min_area_um2", "min_content"),
    "suspension": ("mode", "min_score", "min_live_probability", "max_dye_contrast"),
}
# Settings that take a plug-in's name or a number besides: those that come with monolayer.
_BUILT_IN = {
    "segment.method": ("tree", "threshold"),
    "segment.threshold": ("otsu", "li", "triangle", "local"),
}
# A slider of something without an upper limit reaches to so many times its default.
_REACH = 5.0
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting that can be turned.

    Attributes
    ----------
    section, name : str
        ``segment``, ``min_score``.
    kind : str
        ``number``, ``choice`` or ``switch``.
    value : float, str or bool, or None
        As the method has it; None where the image tells it.
    low, high : float
        Ends of a slider.
    step : float
        1 for whole numbers.
    choices : tuple of str
        What may be chosen.
    help : str
        The setting's own description.
    optional : bool
        Whether None may be set; a slider's lower end stands for it.
    """

    section: str
    name: str
    kind: Kind
    value: Any
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    choices: tuple[str, ...] = ()
    help: str = ""
    optional: bool = False

    @property
    def path(self) -> str:
        """``segment.min_score``."""
        return f"{self.section}.{self.name}"


def knobs_of(method: "Method") -> list[Knob]:
    """Settings of a method's assay that change what is found in an image."""
    return [knob for section in _SECTIONS[method.assay] for knob in _of_section(method, section)]


def turned(method: "Method", knob: Knob, value: Any) -> "Method":
    """A method with one setting changed, checked as a method file is.

    Raises
    ------
    ConfigError
        The value cannot be; the sentence says what can.
    """
    from pydantic import ValidationError

    from monolayer.method import Method
    from monolayer.settings_file import sentence

    data = method.used()
    target = data
    for part in knob.section.split("."):
        target = target[part]
    target[knob.name] = value
    try:
        return Method.model_validate(data)
    except ValidationError as error:
        raise ConfigError(sentence(error.errors()[0], Method)) from None


def save_draft(method: "Method", like: "Method", path: Path, name: str, version: str) -> "Method":
    """Write a tuned method as a new draft; never over a file, never under the old version.

    Parameters
    ----------
    method, like : Method
        The tuned one, and the one that it began as.
    path : Path
        Where to.
    name, version : str
        Of the draft.

    Raises
    ------
    ConfigError
        The file is there already, or name and version are those of the method it began as.
    """
    from monolayer.engine.files import write_file
    from monolayer.method import commented_method

    if not name.strip() or not version.strip():
        raise ConfigError("a draft needs a name and a version; nothing was written.")
    draft = method.model_copy(update={"name": name.strip(), "version": version.strip()})
    if "status" in type(draft).model_fields:
        draft = draft.model_copy(update={"status": "draft"})
    if (draft.name, draft.version) == (like.name, like.version):
        raise ConfigError(
            f"'{name} {version}' is the method that this run was made with; give the draft another "
            "version."
        )
    if path.exists():
        raise ConfigError(f"{path}: is there already; give the draft another file.")
    write_file(path, commented_method(draft).encode())
    return draft


def _of_section(method: "Method", section: str) -> Iterator[Knob]:
    settings: Any = method
    for part in section.split("."):
        settings = getattr(settings, part)
    wanted = _ONLY.get(section, tuple(type(settings).model_fields))
    for name, field in type(settings).model_fields.items():
        if name not in wanted:
            continue
        knob = _knob(section, name, field, getattr(settings, name))
        if knob is not None:
            yield knob


def _knob(section: str, name: str, field: "FieldInfo", value: Any) -> Knob | None:
    text = " ".join((field.description or "").replace("``", "").split())
    kinds = _kinds(field.annotation)
    if bool in kinds:
        return Knob(section, name, "switch", value, help=text)
    choices = _BUILT_IN.get(f"{section}.{name}", ())
    if get_origin(field.annotation) is Literal:
        choices = tuple(str(each) for each in get_args(field.annotation))
    if choices:
        return Knob(section, name, "choice", value, choices=choices, help=text)
    if not kinds <= {int, float, type(None)}:
        return None
    low, high = _ends(field, value)
    step = 1.0 if float not in kinds else (high - low) / _STEPS
    return Knob(section, name, "number", value, low, high, step, (), text, type(None) in kinds)


def _kinds(annotation: Any) -> set[Any]:
    return set(get_args(annotation)) if get_args(annotation) else {annotation}


def _ends(field: "FieldInfo", value: Any) -> tuple[float, float]:
    low, high = 0.0, None
    for limit in field.metadata:
        low = float(getattr(limit, "ge", getattr(limit, "gt", low)) or 0.0)
        top = getattr(limit, "le", getattr(limit, "lt", None))
        high = high if top is None else float(top)
    known = [abs(v) for v in (value, field.default) if isinstance(v, int | float)]
    reach = _REACH * max(known, default=10.0) or 1.0
    return low, reach if high is None or (high > 2 * reach and low >= 0) else high
