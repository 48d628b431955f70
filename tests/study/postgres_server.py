"""A real PostgreSQL for the tests, in a temporary folder of its own, reached by a socket in it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["find_programs", "postgres"]

WAIT_SECONDS = 60
# The tests' own data: nothing is lost that anyone would miss when the machine stops.
FAST = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c listen_addresses=''"


def find_programs() -> Path | None:
    """Folder of the server's programs; Debian keeps them out of the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = [Path(at).parent for at in (shutil.which("initdb"),) if at]
    return next((each for each in found + folders if (each / "initdb").is_file()), None)


@contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """Start a server; yields the URL of its empty database ``postgres``."""
    # A socket's path holds 107 bytes: pytest's own temporary folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    user = "postgres" if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    data = folder / "data"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-s", "-w", "-t", str(WAIT_SECONDS)]
    try:
        _call(
            [str(programs / "initdb"), "-D", str(data), "-U", "tester", "-A", "trust", "-N"], user
        )
        options = f"-k {folder} {FAST}"
        _call([*control, "-l", str(folder / "log"), "-o", options, "start"], user)
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            _call([*control, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _call(command: list[str], user: str | None) -> None:
    subprocess.run(
        command,
        check=True,
        user=user,
        timeout=WAIT_SECONDS * 2,
        cwd="/tmp",
        stdout=subprocess.DEVNULL,
    )
