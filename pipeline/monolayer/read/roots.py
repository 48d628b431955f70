"""Where images lie: a path on disk, or a URL of an object store that fsspec opens.

Only OME-Zarr is read from a URL, so `Remote` knows no more of paths than joining and naming;
what needs a file system asks `monolayer.read.ngff.store`.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from monolayer.errors import ConfigError

__all__ = ["Remote", "Root", "folder_of", "root_of"]


@dataclass(frozen=True, slots=True)
class Remote:
    """A place in an object store, such as ``s3://bucket/plate.zarr``."""

    url: str

    @property
    def name(self) -> str:
        """Last part of the URL's path."""
        return PurePosixPath(self.url).name

    def __truediv__(self, part: str) -> "Remote":
        return Remote(f"{self.url}/{part}".rstrip("/"))

    def __str__(self) -> str:
        return self.url


Root = Path | Remote


def root_of(text: str | Path) -> Root:
    """Tell a URL from a path.

    Parameters
    ----------
    text : str or Path
        A path, ``file://...`` or any URL that fsspec knows.

    Raises
    ------
    ConfigError
        The URL holds a name, a password or a query, which would end up in every record of the
        run.
    """
    if isinstance(text, Path) or "://" not in text:
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "@" in parts.netloc or parts.query or parts.fragment:
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise ConfigError(
            f"{place}: was given with credentials or a query in its URL; give them through the "
            "environment or fsspec's own configuration, so that no record of the run holds them."
        )
    return Remote(text.rstrip("/"))


def folder_of(root: Root) -> Root:
    """What the paths of planes are relative to."""
    return root if isinstance(root, Remote) or root.is_dir() else root.parent
