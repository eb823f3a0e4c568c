"""Models in the server's own process are loaded in threads: what they import, each gets whole."""

from __future__ import annotations

from pathlib import Path

from serving import serving

MODEL = """
import modelport
import {first}

WHOLE = {first}.{other}.AFTERWARDS

class Tells(modelport.Model):
    def predict(self) -> int:
        return WHOLE
"""
MET = """
import contextlib
import threading

both = threading.Barrier(2, timeout=1)

def meet() -> None:
    with contextlib.suppress(threading.BrokenBarrierError):
        both.wait()

def wait() -> None:
    threading.Event().wait(0.3)  # so long somebody else could see a half of the module
"""
SIDE = """
import meeting
meeting.meet()  # now the other one is being imported, too, if that can be
import {other}
meeting.wait()
AFTERWARDS = 7
"""


def test_modules_that_import_each_other(tmp_path: Path) -> None:
    (tmp_path / "meeting.py").write_text(MET)
    (tmp_path / "left.py").write_text(SIDE.format(other="right"))
    (tmp_path / "right.py").write_text(SIDE.format(other="left"))
    for name, first, other in (("one", "left", "right"), ("two", "right", "left")):
        (tmp_path / f"{name}.py").write_text(MODEL.format(first=first, other=other))
    given = [f"{name}={tmp_path / name}.py" for name in ("one", "two")]
    with serving(*given, "--workers", "0", wait=False) as server:
        settled = server.wait_settled()
        assert {one["state"] for one in settled["models"].values()} == {"ready"}, settled
        for name in ("one", "two"):
            assert server.client.post(f"/v2/models/{name}/predict", json={}).json() == 7
