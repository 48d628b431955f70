"""The recipe: how numbers become a recommendation. One frozen object, one file, one hash.

As a method is to images, a recipe is to vessels: the process's own targets and limits, versioned.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field as Setting
from pydantic import ValidationError

from monolayer.batch.settings import BatchSettings
from monolayer.decide.settings import DecideSettings
from monolayer.errors import ConfigError
from monolayer.grow.settings import GrowSettings
from monolayer.metabolism.settings import MetabolismSettings
from monolayer.sensors.settings import SensorSettings
from monolayer.settings import Settings
from monolayer.settings_file import commented, load_yaml, sentence

__all__ = ["Recipe", "commented_recipe", "load_recipe"]

SCHEMA_VERSION = 1


class Recipe(Settings):
    """Targets and limits of a process, named and versioned."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file's format; written by ``monolayer init --recipe``."""
    name: str = Setting(default="example", min_length=1)
    """What your site calls this recipe."""
    version: str = Setting(default="1", min_length=1)
    """Your site's version of it; raise it with every change."""
    status: Literal["draft", "reviewed", "approved", "retired"] = "draft"
    """Where the recipe stands; shown with every recommendation."""
    grow: GrowSettings = Setting(default_factory=GrowSettings)
    """How measurements in time become a rate and a forecast."""
    decide: DecideSettings = Setting(default_factory=DecideSettings)
    """The rules' limits. All numbers are examples: replace them by your process's own."""
    batch: BatchSettings = Setting(default_factory=BatchSettings)
    """What the batch report holds yields against."""
    sensors: SensorSettings = Setting(default_factory=SensorSettings)
    """When a sensor is believed, and when a culture has left its limits."""
    metabolism: MetabolismSettings = Setting(default_factory=MetabolismSettings)
    """How samples of medium and counts of cells become rates, advice and cell numbers."""

    @cached_property
    def sha256(self) -> str:
        """Hash of the recipe as canonical JSON; where it stands is no part of it.

        So the hash that was approved is the hash that recommendations name.
        """
        content = self.model_dump(mode="json", exclude={"status"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def load_recipe(path: Path | None) -> Recipe:
    """Read a recipe file; the example recipe where no file is given.

    Raises
    ------
    ConfigError
        One sentence that names the file, the key and the mend.
    """
    if path is None:
        return Recipe()
    data = load_yaml(path, "--recipe", "monolayer init --recipe")
    version = data.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ConfigError(
            f"{path}: schema_version {version} is newer than the {SCHEMA_VERSION} this monolayer "
            "reads; update monolayer or use the recipe of its own version."
        )
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {sentence(error.errors()[0], Recipe)}") from None


def commented_recipe(recipe: Recipe | None = None) -> str:
    """The recipe as a YAML file in which every key says what it means."""
    head = (
        "# A monolayer recipe: how numbers become a recommendation.\n"
        "# Every number is an example: put your process's own in its place.\n\n"
    )
    return head + commented(recipe or Recipe())
