"""Programs of Debian that know what only they know: what the machine has, or the package, unpacked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FETCH_SECONDS = 20  # of a package; it is some megabytes


def program(package: str, name: str, folder: Path) -> Path:
    """The program of a package, from a folder of the test if it is not installed: that needs no root.

    Skips the test, with the reason, where it is not to be had.
    """
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")
    if found is not None:
        return Path(found)
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip(f"{name} is not installed, and there is no apt to fetch it with")
    fetch = ["apt-get", "download", "-o", "APT::Sandbox::User=root", package]
    try:
        done = subprocess.run(
            fetch, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{name} is not installed, and apt has not fetched {package} in {FETCH_SECONDS} s")
    packages = list(folder.glob(f"{package}_*.deb"))
    if done.returncode or not packages:
        pytest.skip(
            f"{name} is not installed, and apt does not fetch {package}: {done.stderr.strip()[-200:]}"
        )
    unpacked = folder / package
    subprocess.run(["dpkg", "-x", str(packages[0]), str(unpacked)], check=True, timeout=60)
    programs = [
        path for path in unpacked.rglob(name) if path.is_file() and path.parent.name in ("bin", "sbin")
    ]
    assert len(programs) == 1, f"{package} has {programs}"
    asked = subprocess.run([programs[0], "--help"], capture_output=True, text=True, timeout=20, check=False)
    if "error while loading shared libraries" in asked.stderr:
        pytest.skip(f"{package} needs libraries that are not there: {asked.stderr.strip()[-200:]}")
    return programs[0]
