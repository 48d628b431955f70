"""Settings in files: YAML in, one sentence for what is wrong with it, commented YAML out.

Shared by everything a site keeps in a file: the method, and how and where runs are executed.
"""

import difflib
import hashlib
import json
import reprlib
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monolayer.errors import ConfigError
from monolayer.settings import Settings

__all__ = ["commented", "content_sha256", "load_settings", "load_yaml", "sentence"]

Model = TypeVar("Model", bound=Settings)


def load_yaml(path: Path, named_by: str, made_by: str) -> dict[str, Any]:
    """Read a YAML file of ``key: value`` pairs.

    Parameters
    ----------
    path : Path
        The file.
    named_by, made_by : str
        The option that named it, and what writes such a file or the page that shows one, for the
        error's sentence.

    Raises
    ------
    ConfigError
        It cannot be read, or is no such file.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check {named_by}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"{path}: is not YAML{where}; {_mend(made_by)}.") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: holds no 'key: value' pairs; {_mend(made_by)}.")
    return data


def _mend(made_by: str) -> str:
    return f"{made_by} shows one" if made_by.endswith(".md") else f"'{made_by}' writes one"


def load_settings(path: Path, model: type[Model], named_by: str, made_by: str) -> Model:
    """Read a file of settings.

    Raises
    ------
    ConfigError
        One sentence that names the file, the key and the mend.
    """
    try:
        return model.model_validate(load_yaml(path, named_by, made_by))
    except ValidationError as error:
        raise ConfigError(f"{path}: {sentence(error.errors()[0], model)}") from None


def content_sha256(settings: Settings) -> str:
    """Hash of settings as canonical JSON: what was fixed beforehand can be told from it."""
    text = json.dumps(settings.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sentence(error: ErrorDetails, model: type[Settings]) -> str:
    """One pydantic error as a sentence with the mend, for the settings of a file."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1], model)
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        mend = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return f"unknown key '{where}'; {mend}"
    said = error["msg"].removeprefix("Value error, ")
    if not where:
        return f"{said}."
    if isinstance(error["input"], Mapping):  # a section's content would drown the sentence
        return f"'{where}': {said}."
    return f"'{where}' is {reprlib.repr(error['input'])}: {said}."


def commented(
    settings: Settings, shows: Callable[[str], bool] = lambda name: True, indent: int = 0
) -> str:
    """Settings as YAML in which every key says what it means; `shows` takes the top ones."""
    pad = "  " * indent
    lines: list[str] = []
    for name, field in type(settings).model_fields.items():
        if not shows(name):
            continue
        text = " ".join((field.description or "").replace("``", "").split())
        lines += [f"{pad}# {line}" for line in textwrap.wrap(text, 88 - len(pad))]
        value = getattr(settings, name)
        if isinstance(value, Settings):
            lines += [f"{pad}{name}:", commented(value, indent=indent + 1)]
        elif isinstance(value, Mapping) and _all_settings(value):
            lines += [f"{pad}{name}:", *_entries(value, pad)]
        else:
            lines += _plain(name, settings.model_dump(mode="json")[name], pad)
        if indent == 0:
            lines.append("")
    return "\n".join(lines)


def _all_settings(mapping: Mapping[str, Any]) -> bool:
    return bool(mapping) and all(isinstance(value, Settings) for value in mapping.values())


def _entries(mapping: Mapping[str, Any], pad: str) -> list[str]:
    """A line an entry; of settings only what is not the default, which the text above names."""
    lines = []
    for key, value in mapping.items():
        plain = value.model_dump(mode="json", exclude_defaults=True)
        lines.append(f"{pad}  {key}: {json.dumps(plain)}")
    return lines


def _plain(name: str, value: Any, pad: str) -> list[str]:
    """A value on the line of its name; a list or mapping of such ones, a line an entry."""
    entries: list[str] = []
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        entries = [f"- {json.dumps(each)}" for each in value]
    elif isinstance(value, dict) and any(isinstance(each, list) for each in value.values()):
        entries = [f"{_key(key)}: {json.dumps(each)}" for key, each in value.items()]
    if not entries:
        return [f"{pad}{name}: {json.dumps(value)}"]
    return [f"{pad}{name}:", *(f"{pad}  {entry}" for entry in entries)]


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _known_keys(loc: tuple[int | str, ...], model: type[Settings]) -> list[str]:
    known: Any = model
    for part in loc:
        field = getattr(known, "model_fields", {}).get(str(part))
        if field is None:
            return []
        known = field.annotation
    return list(getattr(known, "model_fields", {}))
