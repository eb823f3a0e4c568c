"""A large upload goes to the disk as it comes: the server holds only a small part of it at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from serving import serving

MIB = 1 << 20
UPLOAD = 100 * MIB
ALLOWED_GROWTH = 20 * MIB
MODEL = """
import modelport

class Size(modelport.Model):
    def predict(self, document: modelport.File) -> int:
        return document.path.stat().st_size
"""
BOUNDARY = "a-boundary"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="document"; filename="zeros"\r\n\r\n'.encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


def peak_memory(pid: int) -> int:
    """The most memory that a process has ever had resident, in bytes (proc(5))."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def form(size: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(size // MIB):
        yield bytes(MIB)
    yield TAIL


def test_a_large_upload_costs_the_server_little_memory(tmp_path: Path) -> None:
    (tmp_path / "size.py").write_text(MODEL)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with serving(str(tmp_path / "size.py"), "--spool-dir", str(tmp_path / "spool")) as server:
        url = "/v2/models/size/predict"
        assert server.client.post(url, content=form(MIB), headers=headers).json() == MIB
        before = peak_memory(server.process.pid)
        assert server.client.post(url, content=form(UPLOAD), headers=headers).json() == UPLOAD
        assert peak_memory(server.process.pid) - before < ALLOWED_GROWTH
