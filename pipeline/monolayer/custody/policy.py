"""The policy: a site's own rules for its record, as one named, versioned and hashed file.

As a recipe is to vessels, a policy is to people. It lives in the study as a document, so that who
changed the rules is in the audit trail, and the rules themselves take two persons to change.
"""

from functools import cached_property
from pathlib import Path

from pydantic import Field as Setting
from pydantic import ValidationError

from monolayer.errors import ConfigError
from monolayer.record.chain import sha256_of
from monolayer.record.settings import RecordSettings
from monolayer.settings import Settings
from monolayer.settings_file import commented, load_yaml, sentence

__all__ = ["Policy", "commented_policy", "load_policy"]


class _Titled(Settings):
    name: str = Setting(default="example", min_length=1)
    """What your site calls this policy."""
    version: str = Setting(default="1", min_length=1)
    """Your site's version of it; raise it with every change."""


class Policy(RecordSettings, _Titled):
    """The record's settings, named and versioned."""

    @cached_property
    def sha256(self) -> str:
        """Hash of the policy as canonical JSON."""
        return sha256_of(self.model_dump(mode="json"))


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises
    ------
    ConfigError
        One sentence that names the file, the key and the mend.
    """
    data = load_yaml(path, "the policy's path", "monolayer init --policy")
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {sentence(error.errors()[0], Policy)}") from None


def commented_policy() -> str:
    """The policy as a YAML file in which every key says what it means."""
    head = (
        "# A monolayer policy: who may do what, and what a signature asks for.\n"
        "# It holds once 'monolayer document' has drafted, reviewed and approved it.\n\n"
    )
    return head + commented(Policy())
