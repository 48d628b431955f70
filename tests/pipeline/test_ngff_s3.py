"""OME-Zarr in an object store, read through a local server that speaks S3."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.errors import ConfigError, ImageError, InputError
from monolayer.read import ReadSettings, Remote, find_fields, read_field, root_of
from monolayer.read.ngff import stamp, store

from .conftest import disc_field
from .ngff_plates import write_plate

moto_server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
pytest.importorskip("s3fs", reason="s3fs is not installed")
botocore = pytest.importorskip("botocore.exceptions", reason="botocore is not installed")
# moto and botocore themselves use what Python deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SECRET = "no-record-may-hold-this"
Put = Callable[[str, bytes | None], None]


def stamp_now(root: Remote, path: str) -> str:
    """As a new plan sees it."""
    find_fields(root, ReadSettings())
    return stamp(root, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plate on disk, which the store holds a copy of."""
    top = tmp_path_factory.mktemp("images")
    images = {
        f"{well}/{f}": disc_field(3 + 4 * i + 2 * f, 100 * i + f, 96)
        for i, well in enumerate(("B/02", "B/03"))
        for f in range(2)
    }
    write_plate(top / "P1.zarr", images, labels=["w1"])
    return top / "P1.zarr"


@pytest.fixture(scope="module")
def put(folder: Path) -> Iterator[Put]:
    """Start a server on a port of its own and fill it; gives what puts or removes an object."""
    server = moto_server.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "tester")
    patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="plates")

    def change(key: str, content: bytes | None) -> None:
        if content is None:
            client.delete_object(Bucket="plates", Key=key)
        else:
            client.put_object(Bucket="plates", Key=key, Body=content)

    for path in folder.rglob("*"):
        if path.is_file():
            change(f"{folder.name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    yield change
    client.close()
    patch.undo()
    server.stop()


def counts(run: Path) -> list[tuple[object, ...]]:
    table = pq.read_table(run / "fields.parquet")
    names = ("field_id", "state", "n_objects", "pixels_sha256", "pixel_size_um")
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def test_run_from_a_store_equals_run_from_disk(put: Put, folder: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert cli(["run", str(folder), "-o", str(here), "--workers", "1", "--json"]) == 0
    url = "s3://plates/P1.zarr"
    assert cli(["run", url, "-o", str(there), "--workers", "1", "--executor", "dask"]) == 0
    assert counts(there) == counts(here)
    assert len(counts(here)) == 4
    for name in ("objects/P1.parquet", "wells.parquet", "plates.parquet"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    assert json.loads((there / "run.json").read_text())["given"]["images"] == url
    for path in there.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_second_run_has_nothing_to_do(
    put: Put, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["run", "s3://plates/P1.zarr", "-o", str(tmp_path / "RUN"), "--workers", "1", "--json"]
    assert cli(call) == 0
    capsys.readouterr()
    assert cli(call) == 0
    assert json.loads(capsys.readouterr().out)["processed"] == 0


def test_what_is_not_there_costs_one_row(put: Put, folder: Path) -> None:
    root = Remote("s3://plates/P1.zarr")
    key = "B/02/1/0/c/1/0"
    before = stamp_now(root, "B/02/1/")
    chunk = (folder / key).read_bytes()
    put(f"P1.zarr/{key}", None)
    try:
        listing = find_fields(root, ReadSettings())
        assert stamp_now(root, "B/02/1/") != before
        states = {}
        for field in listing.fields:
            try:
                read_field(field, root, ReadSettings())
                states[field.field_id] = "ok"
            except ImageError as error:
                states[field.field_id] = error.reason
    finally:
        put(f"P1.zarr/{key}", chunk)
    assert states == {f"P1/{f}": "ok" for f in ("B02/0", "B03/0", "B03/1")} | {
        "P1/B02/1": "missing_chunk"
    }
    assert stamp_now(root, "B/02/1/") == before


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "unreachable"),
        (ConnectionResetError("reset by peer"), "unreachable"),
        (botocore.EndpointConnectionError(endpoint_url="x"), "unreachable"),
        (PermissionError("403"), "permission"),
        (OSError(5, "InternalError"), "unreadable"),
    ],
)
def test_store_that_fails_costs_one_row_after_some_tries(
    put: Put, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    root = Remote("s3://plates/P1.zarr")
    bad, good, *_ = find_fields(root, ReadSettings()).fields
    asked = []
    give = store._file_system

    class Failing:
        def __init__(self, system: Any) -> None:
            self.system = system

        def cat_file(self, path: str, **stretch: Any) -> Any:
            if path.startswith("plates/P1.zarr/B/02/0/0/c/"):
                asked.append(path)
                raise error
            return self.system.cat_file(path, **stretch)

        def cat(self, paths: list[str], **options: Any) -> dict[str, Any]:
            bad = "plates/P1.zarr/B/03/1/zarr.json"
            got: dict[str, Any] = self.system.cat(paths, **options)
            return got | ({bad: error} if bad in paths else {})

        def __getattr__(self, name: str) -> Any:
            return getattr(self.system, name)

    def failing(remote: Remote) -> tuple[Any, str]:
        system, path = give(remote)
        return Failing(system), path

    monkeypatch.setattr(store, "_file_system", failing)
    with pytest.raises(ImageError) as told:
        read_field(bad, root, ReadSettings())
    assert told.value.reason == reason
    assert "B/02/0" in told.value.detail
    if isinstance(error, TimeoutError | ConnectionError):
        assert asked.count(asked[0]) == 3
    read_field(good, root, ReadSettings())
    again = find_fields(root, ReadSettings()).fields
    problems = {field.field_id: field.problem[0] for field in again if field.problem}
    assert problems == {"P1/B03/1": reason}


def test_changed_object_is_seen(put: Put, folder: Path) -> None:
    root = Remote("s3://plates/P1.zarr")
    key = "B/03/0/0/c/0/0"
    chunk = (folder / key).read_bytes()
    before = stamp_now(root, "B/03/0/")
    put(f"P1.zarr/{key}", chunk[:-1] + bytes([chunk[-1] ^ 1]))
    try:
        assert stamp_now(root, "B/03/0/") != before
    finally:
        put(f"P1.zarr/{key}", chunk)
    assert stamp_now(root, "B/03/0/") == before


def test_bucket_of_plates(put: Put) -> None:
    listing = find_fields(Remote("s3://plates"), ReadSettings())
    assert [field.field_id for field in listing.fields] == [
        f"P1/{well}/{f}" for well in ("B02", "B03") for f in "01"
    ]
    assert listing.pixel_size_um == 0.65


@pytest.mark.parametrize("url", ["s3://plates/none.zarr", "s3://no-such-bucket/P1.zarr"])
def test_wrong_url_is_one_sentence(put: Put, url: str) -> None:
    with pytest.raises(InputError, match=r"s3://.*(check the|no OME-Zarr)"):
        find_fields(Remote(url), ReadSettings())


def test_server_that_is_gone_is_one_sentence_and_soon(tmp_path: Path) -> None:
    # fsspec keeps its connections, so this takes a process of its own.
    gone = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1"}
    keys = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_MAX_ATTEMPTS": "1"}
    call = [sys.executable, "-m", "monolayer", "plan", "s3://plates/P1.zarr"]
    environment = os.environ | gone | keys
    done = subprocess.run(
        call, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "url", ["https://name:word@host/P1.zarr", "https://host/P1.zarr?X-Amz-Signature=abc"]
)
def test_credentials_in_a_url_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="credentials or a query") as told:
        root_of(url)
    assert "word" not in str(told.value)
    assert "abc" not in str(told.value)


def test_file_url_is_a_path(tmp_path: Path) -> None:
    assert root_of(f"file://{tmp_path}/with%20space") == tmp_path / "with space"
    assert root_of(os.fspath(tmp_path)) == tmp_path


def test_store_without_versions_is_planned_and_refused_by_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = partial(_Silent, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = Remote(f"http://127.0.0.1:{server.server_address[1]}/P1.zarr")
        listing = find_fields(root, ReadSettings())
        assert len(listing.fields) == 4
        image = read_field(listing.fields[0], root, ReadSettings())
        assert image.pixel_size_um == 0.65
        assert cli(["run", str(root), "-o", str(tmp_path / "RUN"), "--workers", "1"]) == 2
        server.shutdown()
    assert "neither ETags nor times" in capsys.readouterr().err


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
