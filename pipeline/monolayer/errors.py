"""What can go wrong, and whose turn it is to mend it.

    MonolayerError
    ├── ConfigError        the caller's: an option, a method file, an argument   (exit code 2)
    ├── InputError         the folder's: nothing to run on, a layout that fits nothing  (2)
    ├── StudyError         the study's database: newer, older, busy, none           (2)
    ├── RunFolderError     the output folder's: another run's, newer, locked, unfinished  (2)
    ├── CorrectionError    a reviewer's: a correction that does not fit its field  (2)
    ├── ImageError         one file's: unreadable, truncated, wrong kind (costs one row)
    ├── NotAllowedError    the person's: a role, a password, the state of a document  (2)
    ├── RunAborted         a run was stopped: it only fails, its disk is full  (4)
    │   └── DamagedPartError   something else than this program changed what was finished
    └── MissingExtraError  an optional package is not installed                  (exit code 2)

Each also subclasses the builtin it stands for, so ``except ValueError`` works in a notebook.
Every message is one sentence that names the culprit and the mend.
"""

import errno
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ConfigError",
    "CorrectionError",
    "DamagedPartError",
    "FolderBusyError",
    "ImageError",
    "InputError",
    "MissingExtraError",
    "MonolayerError",
    "NotAllowedError",
    "RunAborted",
    "RunFolderError",
    "StudyError",
    "exit_code_of",
    "sentence_of",
]


_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE)


class MonolayerError(Exception):
    """Base of every error that monolayer raises on purpose."""


class ConfigError(MonolayerError, ValueError):
    """An option, argument or method file is wrong. Not for data on disk: `InputError`."""


class InputError(MonolayerError, ValueError):
    """The image folder as a whole cannot be used. Not for one bad file: `ImageError`."""


class RunFolderError(MonolayerError, ValueError):
    """The output folder cannot be used for this run."""


class StudyError(MonolayerError, ValueError):
    """A study's database cannot be used. Not for what is written into it: `InputError`."""


class FolderBusyError(RunFolderError):
    """Another process holds the output folder; the same call will do later."""


class CorrectionError(MonolayerError, ValueError):
    """A correction does not fit its field: no such object, another image, a conflict."""


class RunAborted(MonolayerError, RuntimeError):  # noqa: N818  an event more than an error
    """A run cannot go on: too many failures, a full disk, a lost scheduler.

    What is finished is kept, and the same call goes on from there.
    """


class DamagedPartError(RunAborted):
    """A finished part cannot be read: cut, emptied or taken apart since it was written.

    Parameters
    ----------
    folder : Path
        The part's.
    why : str
        What reading it said.
    """

    def __init__(self, folder: "Path", why: str) -> None:
        super().__init__(
            f"{folder}: is damaged ({why}); remove it and run the same command again, which does "
            "its fields anew."
        )
        self.folder = folder


class NotAllowedError(MonolayerError, PermissionError):
    """Somebody may not do this: the role, the password, or the state of what it is done to."""


class ImageError(MonolayerError, ValueError):
    """One image cannot be used; it costs its field's row and never the run.

    Parameters
    ----------
    reason : str
        Short code that lands in the ``reason`` column, such as ``truncated``.
    detail : str
        Sentence that names the file and the mend.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["ImageError"], tuple[str, str]]:
        """Travel between worker processes whole."""
        return type(self), (self.reason, self.detail)


class MissingExtraError(MonolayerError, ImportError):
    """An optional package is needed for what was asked."""

    @classmethod
    def named(cls, package: str, extra: str) -> "MissingExtraError":
        """Say which extra brings the package."""
        return cls(f"{package} is not installed: pip install 'monolayer[{extra}]' brings it.")


def exit_code_of(error: BaseException) -> int:
    """Exit code that stands for an error: 4 stopped, 2 the caller's turn, 1 ours."""
    if isinstance(error, RunAborted | KeyboardInterrupt):
        return 4
    if isinstance(error, MonolayerError):
        return 2
    if _is_of_a_disk(error):
        return 4 if error.errno in _DISK_TROUBLE else 2
    return 1


def sentence_of(error: BaseException) -> str:
    """What an error says, or that it was stopped by hand."""
    if _is_of_a_disk(error) and not isinstance(error, MonolayerError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; mend that and run the same command again."
    return str(error) or ("stopped by a signal" if isinstance(error, KeyboardInterrupt) else "")


def _is_of_a_disk(error: BaseException) -> TypeGuard[OSError]:
    """Whether the operating system refused: a full or read-only disk, a lack of permission."""
    # Of connections and time limits Python makes the same class, but without a number.
    return isinstance(error, OSError) and error.errno is not None
