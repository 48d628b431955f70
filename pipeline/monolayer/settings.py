"""The base of every stage's settings: frozen, typed, unknown keys refused.

Each field carries its meaning, unit and default in its description, from which the commented
method file (``monolayer init``) and the JSON schema are made: they cannot drift apart.
"""

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """One stage's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
