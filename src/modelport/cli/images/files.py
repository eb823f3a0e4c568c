"""Which files of a model's folder go into an image, and which stay out, with the reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

# By names, as the kinds that are told of. A pattern that ends with a slash is of folders.
STAYS_OUT = {
    "secrets": (
        ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "id_rsa*", "id_ed25519*",
        "id_ecdsa*", ".netrc", ".pypirc", ".npmrc", ".htpasswd", "credentials*", "secret*", "*secret",
        "*secrets.*", "kubeconfig", "service-account*.json", "service_account*.json", ".aws/", ".ssh/",
        ".gnupg/", ".kube/", ".docker/",
    ),
    "versions of code": (".git", ".git/", ".gitmodules", ".hg/", ".svn/", ".github/"),
    "environments": (".venv/", "venv/", ".tox/", ".nox/", "node_modules/", ".conda/", ".pixi/"),
    "data": ("data/", "datasets/", ".dvc/", "mlruns/", "mlartifacts/", "wandb/", ".modelport/", "*.sqlite*",
             "*.log"),
    "caches": (
        "__pycache__/", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/",
        ".ipynb_checkpoints/", "*.pyc", "*.egg-info/", ".idea/", ".vscode/", ".DS_Store",
    ),
}  # fmt: skip
SECRETS, ENVIRONMENTS, UNTOLD = "secrets", "environments", "caches"
PRIVATE_KEY = b"PRIVATE KEY-----"  # within the first line of a PEM file, whatever that is called
HEAD_BYTES = 64
LINKS = "links to what is not there, or to folders elsewhere"


@dataclass
class Taken:
    """What is copied, by its place below the folder, and what stays out, by the reason."""

    files: dict[str, Path] = field(default_factory=dict[str, Path])
    out: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files.values())

    def leave(self, reason: str, name: str) -> None:
        self.out.setdefault(reason, []).append(name)


def taken_from(root: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Taken:
    """The files below a folder that go into an image.

    `include` and `exclude` are patterns of paths below it, such as `data/*.csv`; the first win over all else.
    """
    taken = Taken()
    for place, folders, names in os.walk(root):
        below = Path(place).relative_to(root)
        kept: list[str] = []
        for name in sorted(folders):
            path = below / name
            reason = _reason_of_folder(root / path, exclude)
            wanted = any(pattern.startswith(f"{path.as_posix()}/") for pattern in include)
            if reason and not wanted:
                taken.leave(reason, f"{path.as_posix()}/")
            elif not (root / path).is_symlink():
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            _take(taken, root, (below / name).as_posix(), include, exclude)
    return taken


def _take(taken: Taken, root: Path, name: str, include: Sequence[str], exclude: Sequence[str]) -> None:
    path = root / name
    if not path.is_file():
        taken.leave(LINKS, name)
    elif any(fnmatch(name, pattern) for pattern in include):
        taken.files[name] = path
    elif reason := _reason_of_file(path, name, exclude):
        taken.leave(reason, name)
    else:
        taken.files[name] = path


def _reason_of_folder(path: Path, exclude: Sequence[str]) -> str:
    if any(fnmatch(path.name, pattern.rstrip("/")) for pattern in exclude if pattern.endswith("/")):
        return "--exclude"
    if path.is_symlink():
        return LINKS
    if (path / "pyvenv.cfg").exists():
        return ENVIRONMENTS
    return next((reason for reason, pattern in _patterns(True) if fnmatch(path.name, pattern)), "")


def _reason_of_file(path: Path, name: str, exclude: Sequence[str]) -> str:
    if any(fnmatch(name, pattern) for pattern in exclude):
        return "--exclude"
    # Data folders whose files are asked for one by one hold others, which are not.
    folders = Path(name).parts[:-1]
    for reason, pattern in _patterns(True):
        if any(fnmatch(folder, pattern) for folder in folders):
            return reason
    for reason, pattern in _patterns(False):
        if fnmatch(path.name.lower(), pattern):
            return reason
    return SECRETS if _is_private_key(path) else ""


def _patterns(of_folders: bool) -> Iterator[tuple[str, str]]:
    for reason, patterns in STAYS_OUT.items():
        for pattern in patterns:
            if pattern.endswith("/") == of_folders:
                yield reason, pattern.rstrip("/")


def _is_private_key(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return head.startswith(b"-----BEGIN ") and PRIVATE_KEY in head


def copied(taken: Taken, folder: Path) -> None:
    """Copy the files, links followed, so that all may read them and none may write. Raises `OSError`."""
    for name, path in taken.files.items():
        there = folder / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, there)
        there.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


def dockerignore() -> str:
    """The same rules for the engine, should somebody put more into the written folder."""
    lines = [f"**/{pattern.rstrip('/')}" for patterns in STAYS_OUT.values() for pattern in patterns]
    return "\n".join(["# Written by modelport build.", *lines, ""])
