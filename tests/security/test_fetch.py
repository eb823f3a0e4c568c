"""What the guard on fetched URLs fetches, and where redirects lead (rows U6, U10 of the bad-input table)."""

from __future__ import annotations

from pathlib import Path

import pytest
from fetch_world import OUTER, Names, Serve, Server, body, limits, redirect

from modelport.security.fetch import (
    UrlError,
    UrlNotAllowed,
    fetch_to_file_sync,
)

# --- what is fetched -------------------------------------------------------------------------------


def test_a_file_is_fetched(serve: Serve, tmp_path: Path):
    server = serve(
        body(
            b"pixels", "Content-Type: Image/PNG; q=1", 'Content-Disposition: inline; filename="a/../cat.png"'
        )
    )
    fetched = fetch_to_file_sync(server.url("/some/dog.png?x=1"), tmp_path / "f", limits(server))
    assert (fetched.path, fetched.content_type, fetched.size) == (tmp_path / "f", "image/png", 6)
    assert fetched.filename == "cat.png"
    assert fetched.path.read_bytes() == b"pixels"


def test_the_request_holds_the_name_and_no_credentials(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / ".netrc").write_text("machine outer.test login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    server = serve(body(b"", "Set-Cookie: a=b"))
    names = Names(outer_test=[[OUTER]])
    fetch_to_file_sync(
        server.url("/é?q=ü", host="OUTER.test."), tmp_path / "f", limits(server), resolve=names
    )
    lines = server.requests[0].decode().lower().split("\r\n")
    assert lines[0] == "get /%c3%a9?q=%c3%bc http/1.1"
    assert f"host: outer.test:{server.port}" in lines
    assert not [line for line in lines if line.startswith(("authorization", "cookie", "referer"))]
    assert names.asked == ["outer.test"]


@pytest.mark.parametrize(
    ("header", "path", "name"),
    [
        ("", "/a/b/cat.png?x=/y", "cat.png"),
        ("", "/a/c%61t%2e%2e%2f%5cx%00%0a.png", "x.png"),
        ("", "/", "download"),
        ("", "/..%2f..", "download"),
        ("", "/" + "n" * 400 + ".onnx", "n" * 250 + ".onnx"),
        ('filename="..\\..\\evil.bin"', "/cat", "evil.bin"),
        ("attachment; filename=plain.csv", "/cat", "plain.csv"),
        ("attachment; filename*=UTF-8''other.exe", "/cat.png", "cat.png"),
        ('attachment; filename="‮gnp.exe"', "/cat", "gnp.exe"),
        ('attachment; filename="/"', "/cat.png", "cat.png"),
    ],
)
def test_the_file_name_is_only_a_name(serve: Serve, tmp_path: Path, header: str, path: str, name: str):
    server = serve(body(b"", *([f"Content-Disposition: {header}"] if header else [])))
    assert fetch_to_file_sync(server.url(path), tmp_path / "f", limits(server)).filename == name


@pytest.mark.parametrize(
    "claimed", ["", "Content-Type: <script>", "Content-Type: a/b/c", "Content-Type: text"]
)
def test_a_media_type_that_is_none_is_not_repeated(serve: Serve, tmp_path: Path, claimed: str):
    server = serve(body(b"", *([claimed] if claimed else [])))
    fetched = fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert fetched.content_type == "application/octet-stream"


def test_three_redirects_are_followed_and_the_first_url_names_the_file(serve: Serve, tmp_path: Path):
    last = serve(body(b"found"))
    third = serve(redirect(last.url("/0a1b2c"), "308 Permanent Redirect"))
    second = serve(redirect(third.url(), "301 Moved"))
    first = serve(redirect(second.url(), "307 Temporary Redirect"))
    fetched = fetch_to_file_sync(first.url("/m.onnx"), tmp_path / "f", limits(first, second, third, last))
    assert (fetched.size, fetched.filename) == (5, "m.onnx")


def test_an_existing_file_is_never_overwritten(serve: Serve, tmp_path: Path):
    server = serve(body(b"new"))
    (tmp_path / "f").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("f", "link"):
        with pytest.raises(FileExistsError):
            fetch_to_file_sync(server.url(), tmp_path / name, limits(server))
    assert (tmp_path / "f").read_text() == "old"
    assert not (tmp_path / "elsewhere").exists()


# --- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_a_redirect_to_an_inner_address_is_not_followed(
    inner: Server, serve: Serve, tmp_path: Path, status: str
):
    server = serve(redirect(inner.url("/latest/meta-data"), status))
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server, inner))
    assert inner.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd", "//127.0.0.2/", "\\\\127.0.0.2\\", "http://u:p@127.0.0.1/",
        "gopher://127.0.0.1/", "http://127.0.0.1:22/", "/next#fragment", "/a\tb", "http://169.254.169.254/",
        "http://[::1/", "http://2130706433/",
    ],
)  # fmt: skip
def test_a_redirect_is_read_as_strictly_as_the_first_url(serve: Serve, tmp_path: Path, location: str):
    server = serve(redirect(location))
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert server.connections == 1


def test_a_redirect_loop_ends(serve: Serve, tmp_path: Path):
    server = serve(redirect("/again"))
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert server.connections == 4


def test_two_locations_or_none_are_refused(serve: Serve, tmp_path: Path):
    for headers in ((), ("Location: /a", "Location: /b")):
        server = serve(body(b"", *headers, status="302 Found"))
        with pytest.raises(UrlError):
            fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
        assert server.connections == 1


# --- the environment -------------------------------------------------------------------------------


def test_a_proxy_in_the_environment_is_not_used(
    inner: Server, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    proxy = serve(body(b"from the proxy"))
    server = serve(body(b"direct"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url())
        monkeypatch.setenv(name.lower(), proxy.url())
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(inner.url(), tmp_path / "f", limits(server, inner))
    assert fetch_to_file_sync(server.url(), tmp_path / "f", limits(server)).size == 6
    assert (proxy.connections, inner.connections) == (0, 0)
