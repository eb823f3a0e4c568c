"""A process that keeps what it frees gets it again without new pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from modelport.memory import OWN

TOUCHES = """
import resource
from modelport.memory import keep_freed_memory
keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        held = [bytearray(1 << 20) for _ in range(4)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.parametrize("variable", ["", *OWN[:2]])
def test_what_was_freed_comes_again_unless_somebody_has_said_how(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OWN:
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "131072")
    done = subprocess.run([sys.executable, "-c", TOUCHES], capture_output=True, text=True, check=True)
    faults = int(done.stdout)
    assert (faults < 10_000) == (not variable)  # 100 times 4 MiB are 102,400 pages of 4 KiB
