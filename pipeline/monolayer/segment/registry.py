"""Which segmenter a method names: one of the built-in ones, or one that a package brings.

Only what is named is imported, and what is not there is an error: a run never falls back on
another method.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from monolayer.errors import ConfigError
from monolayer.segment.settings import SegmentSettings

if TYPE_CHECKING:
    from monolayer.segment.segmenter import Segmenter, SegmenterKind

__all__ = [
    "GROUP",
    "SegmenterIdentity",
    "open_segmenter",
    "segmenter_identity",
    "segmenter_names",
]

GROUP = "monolayer.segmenters"
"""Entry-point group in which a package names its segmenters."""

_PROGRAMMED = {
    "tree": "monolayer.segment.builtin:TreeSegmenter",
    "threshold": "monolayer.segment.builtin:ThresholdSegmenter",
}
_ADAPTERS = {"onnx": "monolayer.segment.onnx:OnnxSegmenter"}


@dataclass(frozen=True, slots=True)
class SegmenterIdentity:
    """What, besides its settings, makes a segmenter's numbers.

    Attributes
    ----------
    name, version : str
        As named in the method; see `Segmenter.version`.
    weights_sha256 : str or None
        Of the learned weights; None for a method without.
    """

    name: str
    version: str
    weights_sha256: str | None


def segmenter_names() -> list[str]:
    """Names that ``segment.method`` may have here, the built-in ones first."""
    ours = [*_PROGRAMMED, *_ADAPTERS]
    return ours + sorted({entry.name for entry in entry_points(group=GROUP)} - set(ours))


def segmenter_identity(settings: SegmentSettings) -> SegmenterIdentity:
    """Identity of the segmenter that the settings name, as it is installed now.

    Parameters
    ----------
    settings : SegmentSettings

    Raises
    ------
    ConfigError
        No such segmenter, options that it does not take, or weights that are not those named.
    MissingExtraError
        A package is absent; the error names the extra that brings it.
    """
    if settings.method in _PROGRAMMED:
        # Known without importing the kernels, which a run with nothing left to do never does.
        _no_options(settings)
        return SegmenterIdentity(settings.method, version("monolayer"), None)
    # Weights may have been replaced since this process opened them.
    _open.cache_clear()
    opened = open_segmenter(settings)
    return SegmenterIdentity(settings.method, opened.version, opened.weights_sha256)


def open_segmenter(settings: SegmentSettings) -> "Segmenter":
    """Open the segmenter that the settings name; once a process for the same settings.

    Raises
    ------
    ConfigError, MissingExtraError
        As `segmenter_identity`.
    """
    return _open(settings.model_dump_json())


@lru_cache(maxsize=4)
def _open(text: str) -> "Segmenter":
    settings = SegmentSettings.model_validate_json(text)
    name = settings.method
    if name in _PROGRAMMED:
        return _made(_load(_PROGRAMMED[name]), settings)
    from monolayer.segment.checked import CheckedSegmenter

    kind = _load(_ADAPTERS[name]) if name in _ADAPTERS else _load_plugin(_entry_point(name))
    return CheckedSegmenter(_made(kind, settings), settings)


def _no_options(settings: SegmentSettings) -> None:
    if settings.options:
        raise ConfigError(
            f"segment.options are {settings.options!r}, but the method '{settings.method}' takes "
            "none: delete them, or name the segmenter that they are for."
        )


def _made(kind: "SegmenterKind", settings: SegmentSettings) -> "Segmenter":
    """Check the options by the segmenter's own model, then open it."""
    try:
        options = kind.Options.model_validate(settings.options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("segment.options", *first["loc"]))
        raise ConfigError(f"{where}: {first['msg']} (segmenter '{settings.method}').") from None
    return kind(options, settings)


def _load(home: str) -> Any:
    module, name = home.split(":")
    return getattr(import_module(module), name)


def _entry_point(name: str) -> EntryPoint:
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise ConfigError(
            f"segment.method is '{name}', but no segmenter of that name is installed (there are "
            f"{', '.join(segmenter_names())}): install the package that brings it."
        )
    if len(found) > 1:
        brought = " and ".join(sorted(_package(entry) for entry in found))
        raise ConfigError(f"the segmenter '{name}' is brought by {brought}: remove one of them.")
    return found[0]


def _load_plugin(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"the segmenter '{entry.name}' of {_package(entry)} cannot be loaded ({error}): "
            "install what it needs."
        ) from error


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
