"""The repository works anywhere: a lock file without addresses, no paths of a machine, free licences."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import settings_keywords
import settings_table

from modelport.settings.checking import declarations

ROOT = Path(__file__).parents[2]
VENDORED = "src/modelport/api/documents/static/"
# In pieces, so that this file does not name them itself.
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "deb.debian" + ".org"]
# Not where `|` follows: that is one choice of a pattern that looks for such paths in answers.
PLACES = re.compile(r"(?<![\w.~-])/(" + "|".join(["wo" + "rk", "root", "tmp/v"]) + r")(/|\b(?![-\w|]))")

PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|0BSD|Unlicense|ZPL", re.IGNORECASE
)
# Weak copyleft: used as they come, never changed or copied into this repository.
UNCHANGED = {
    "certifi": "MPL-2.0: the list of certificate authorities, through httpx",
    "hypothesis": "MPL-2.0: tests only",
    "pathspec": "MPL-2.0: the build only, through hatchling",
}


def repository_files() -> list[Path]:
    """What a clone holds: the tracked files, and the new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git clone")
    names = [name for name in listed.stdout.split("\0") if name and not name.startswith(VENDORED)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def texts() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in repository_files():
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures
    return found


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert [(name, host) for name, text in texts().items() for host in HOSTS if host in text] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [(name, match[0]) for name, text in texts().items() for match in PLACES.finditer(text)]
    assert found == []


# Built without the part for graphics cards, which is hundreds of megabytes.
SMALLER = {"xgboost-cpu": "xgboost", "tensorflow-cpu": "tensorflow"}


OWN_PACKAGE = tomllib.loads((ROOT / "packages/deepaas-commands/pyproject.toml").read_text())["project"]
LOCKS = ("requirements.lock", "requirements-frameworks.lock")  # `make test-frameworks` installs both at once


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if re.match(r"[A-Za-z0-9]", line))


def locked() -> dict[str, str]:
    return {name: version for lock in LOCKS for name, version in pins(lock).items()}


def test_no_package_is_pinned_in_two_lock_files() -> None:
    test, frameworks = map(pins, LOCKS)
    assert {name: (test[name], frameworks[name]) for name in test.keys() & frameworks.keys()} == {}


def test_what_the_demo_needs_is_a_part_of_what_is_tested() -> None:
    demo = pins("requirements-run.lock")
    assert len(demo) < len(pins("requirements.lock")) / 2
    assert demo.items() - pins("requirements.lock").items() == set()


def test_the_lock_file_pins_every_requirement_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(r for e in project["optional-dependencies"].values() for r in e)]
    names = {_normal(re.match(r"[A-Za-z0-9._-]+", requirement)[0]) for requirement in wanted}  # type: ignore[index]
    pinned = {_normal(name) for name in locked()}
    ours = {_normal(OWN_PACKAGE["name"])}  # it is built from the same checkout
    assert names - pinned - {SMALLER[name] for name in pinned & set(SMALLER)} - ours == set()


def test_every_locked_package_is_free_to_use() -> None:
    unknown: dict[str, str] = {}
    for name in locked():
        try:
            said = _licence(metadata.metadata(name))
        except metadata.PackageNotFoundError:
            continue  # another platform's, or another environment than make's
        if name not in UNCHANGED and ("GPL" in said.upper() or not PERMISSIVE.search(said)):
            unknown[name] = said
    assert unknown == {}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(about: metadata.PackageMetadata) -> str:
    """What a package says of its licence; the first line where it holds the whole text."""
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    said = " ".join([str(about.get("License") or "").partition("\n")[0], *classifiers])
    return said if PERMISSIVE.search(said) else f"{said} {_licence_file(str(about['Name']))}"


def _licence_file(name: str) -> str:
    """The first line of the licence that a package ships, for one whose metadata does not name it."""
    texts = [path for path in metadata.files(name) or [] if path.name.upper().startswith("LICENSE")]
    lines = [line.strip() for text in texts[:1] for line in text.read_text().splitlines()]
    return next(filter(None, lines), "")


def test_every_setting_is_in_the_docs_as_the_code_has_it() -> None:
    page = settings_table.PAGE.read_text(encoding="utf-8")
    assert settings_table.table() in page, "run `make docs`"
    assert settings_table.own_list() in page, "run `make docs`"
    for name in declarations():
        assert f"`{name}`" in page


def test_settings_as_keyword_arguments_are_those_that_there_are() -> None:
    assert settings_keywords.FILE.read_text(encoding="utf-8") == settings_keywords.text(), "run `make docs`"


def test_every_target_of_the_makefile_that_the_docs_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"(?:`|^\$ |^)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets
    assert {"run", "test"} <= named
