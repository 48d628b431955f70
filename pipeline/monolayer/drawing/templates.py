"""Pages from templates: each package keeps its own markup beside its code."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

__all__ = ["page_template", "read_template"]


def page_template(package: str, name: str, filters: Mapping[str, Callable[..., Any]]) -> Template:
    """Open a template: everything is escaped, and a name that nobody gives is an error.

    Parameters
    ----------
    package : str
        The package whose folder ``templates`` holds it, such as ``monolayer.report``.
    name : str
        The file.
    filters : dict of str to callable
        What the markup says behind ``|``.
    """
    environment = Environment(
        loader=FunctionLoader(partial(read_template, package)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template(name)


@cache
def read_template(package: str, name: str) -> str:
    """Text of a file beside a package's templates: markup, style sheet or script."""
    return (files(package) / "templates" / name).read_text(encoding="utf-8")
