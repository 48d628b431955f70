"""The site file: whose clock, hours and people a day is planned for."""

from pathlib import Path

from pydantic import ValidationError

from monolayer.errors import ConfigError
from monolayer.notice.settings import SiteSettings
from monolayer.settings_file import commented, load_yaml, sentence

__all__ = ["commented_site", "load_site"]


def load_site(path: Path | None) -> SiteSettings:
    """Read a site file; the example site (UTC) where no file is given.

    Raises
    ------
    ConfigError
        One sentence that names the file, the key and the mend.
    """
    if path is None:
        return SiteSettings()
    data = load_yaml(path, "--site", "monolayer init --site")
    try:
        return SiteSettings.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {sentence(error.errors()[0], SiteSettings)}") from None


def commented_site(settings: SiteSettings | None = None) -> str:
    """The settings as a YAML file in which every key says what it means."""
    head = (
        "# A monolayer site file: whose day is planned.\n"
        "# Every number is an example: put your site's own in its place.\n\n"
    )
    return head + commented(settings or SiteSettings())
