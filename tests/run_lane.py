"""A lane of the tests, as `make test` runs it: `run_lane.py -m second_lane`, with pytest's arguments.

Tests ask real processes, and on two busy cores one of ten thousand may wait longer for a processor than it
has patience. So the few that failed in company are run again alone, twice, and must pass both times. They are
named at the end: such a test is to be looked at. More than `FEW` failures, and all that ends pytest otherwise
than by tests that failed, fail at once.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FEW = 3
TIMES = 2
TESTS_FAILED = 1  # the status of pytest where tests have failed, and nothing else
ALONE = ("-n0", "--last-failed", "--last-failed-no-failures=none")


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments here, and again what failed; returns the status of the lane."""
    with tempfile.TemporaryDirectory(prefix="modelport-lane-") as folder:
        cache = Path(folder, "cache")  # in which nothing is of another run
        status = run(cache, arguments)
        failed = failures(cache)
        if status != TESTS_FAILED or not 0 < len(failed) <= FEW:
            return status
        names = ", ".join(failed)
        print(f"\nfailed in company, and is run again alone: {names}\n", flush=True)
        kept = shutil.copytree(cache, Path(folder, "kept"))
        for _ in range(TIMES):
            shutil.rmtree(cache)
            shutil.copytree(kept, cache)
            # What pytest has not found again is still among the failures.
            if run(cache, [*arguments, *ALONE]) or failures(cache):
                print(f"\nfailed in company and alone: {names}\n", flush=True)
                return TESTS_FAILED
        print(f"\n{'=' * 100}\nfailed in company, passed twice alone: {names}\n{'=' * 100}\n", flush=True)
        return 0


def run(cache: Path, arguments: list[str]) -> int:
    """The status of one run of pytest, whose output is this process's."""
    command = [sys.executable, "-m", "pytest", *arguments, "-o", f"cache_dir={cache}"]
    return subprocess.run(command, check=False).returncode


def failures(cache: Path) -> list[str]:
    """The tests that pytest has noted as failed."""
    noted = cache / "v/cache/lastfailed"
    return sorted(json.loads(noted.read_text(encoding="utf-8"))) if noted.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
