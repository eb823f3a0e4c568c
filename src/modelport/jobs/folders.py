"""Where the files of jobs lie: inputs, checkpoints, artifacts and large results, a folder for each job."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePath

from modelport.contract.kept_files import BATCH, PARTIAL, is_partial, sync, sync_names

RESERVE = "reserve"
RESERVE_BYTES = 2 << 20  # more than the largest result that goes into the database


class JobFolders:
    """The folders under one data folder. What lies there outlives the server."""

    def __init__(self, data_dir: Path):
        self.root = data_dir / "jobs"

    def make_root(self) -> None:
        """Make the data folder and what is in it, to be found after a power cut. Raises `OSError`."""
        made = [place for place in (self.root, *self.root.parents) if not place.exists()]
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in made:
            with contextlib.suppress(PermissionError):  # of a folder whose names only its owner may read
                sync(place.parent)

    def of(self, job_id: str) -> Path:
        """A job's folder; it exists once `make` was called."""
        return self.root / job_id[-2:] / job_id

    def inputs(self, job_id: str) -> Path:
        """Where a job's request body and its files lie."""
        return self.of(job_id) / "inputs"

    def artifacts(self, job_id: str) -> Path:
        """Where a job's artifacts lie."""
        return self.of(job_id) / "artifacts"

    def make(self, job_id: str) -> Path:
        """Make a job's folder. Raises `OSError`."""
        folder = self.of(job_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def artifact(self, job_id: str, name: str) -> Path | None:
        """The file of an artifact, by its listed name; `None` if there is none inside the job's folder."""
        root = self.artifacts(job_id).resolve()
        try:
            path = (root / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                return None if is_partial(path.relative_to(root)) else path
        except (OSError, ValueError):  # a name that no file can have
            return None
        if "?" not in name:
            return None
        return next((path for path, listed in self._listed(job_id) if listed == name), None)

    def list_artifacts(self, job_id: str) -> list[tuple[str, int]]:
        """Name and size in bytes of each artifact, by name; what is no UTF-8 in a name is `?`."""
        return [(name, path.stat().st_size) for path, name in self._listed(job_id)]

    def _listed(self, job_id: str) -> list[tuple[Path, str]]:
        root = self.artifacts(job_id)
        if not root.is_dir():
            return []
        found: list[tuple[Path, str]] = []
        for path in sorted(root.rglob("*")):
            inner = path.relative_to(root)
            if path.is_file() and not path.is_symlink() and not is_partial(inner):
                found.append((path, inner.as_posix().encode("utf-8", "replace").decode()))
        return found

    def remove(self, job_id: str) -> None:
        """Remove everything of a job."""
        shutil.rmtree(self.of(job_id), ignore_errors=True)

    def keep_reserve(self) -> None:
        """Set room aside, if there is any, so that on a full disk it can still be said how jobs ended."""
        path = self.root.parent / RESERVE
        if path.exists():
            return
        try:
            with path.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            path.unlink(missing_ok=True)

    def release_reserve(self) -> bool:
        """Give that room free; false if there is none."""
        try:
            (self.root.parent / RESERVE).unlink()
        except OSError:
            return False
        return True

    def here(self, path: str) -> str:
        """Where a file of a job is on this disk, which a server with another data folder has named."""
        parts = PurePath(path).parts
        for place in range(len(parts) - 4, 0, -1):
            shard, job_id = parts[place + 1 : place + 3]
            if parts[place] == self.root.name and len(shard) == 2 and job_id.endswith(shard):
                return str(self.root.absolute().joinpath(*parts[place + 1 :]))
        return path

    def job_of(self, path: str) -> tuple[str, str] | None:
        """The job in whose folder a path of this disk is, and where in it; `None` for any other."""
        try:
            _, job_id, *inner = PurePath(path).relative_to(self.root.absolute()).parts
        except ValueError:
            return None
        return job_id, PurePath(*inner).as_posix()

    def older_than(self, before: float) -> Iterator[str]:
        """The jobs whose folders were changed last before this time, in seconds since the epoch."""
        for path in self.root.glob("??/*"):
            with contextlib.suppress(OSError):  # it is being removed
                if path.stat().st_mtime < before:
                    yield path.name

    def with_inputs(self) -> list[str]:
        """The jobs whose inputs lie there."""
        return [path.parent.name for path in self.root.glob("??/*/inputs")]

    def drop_inputs(self, job_id: str) -> None:
        """Remove what a job that has ended was given, the answers of a batch that are in its artifact, and
        what it was copying when it was killed.
        """
        if not self.of(job_id).exists():  # as of most predictions
            return
        shutil.rmtree(self.of(job_id) / "checkpoints" / BATCH, ignore_errors=True)
        shutil.rmtree(self.inputs(job_id), ignore_errors=True)
        for path in list(self.artifacts(job_id).rglob(f".*{PARTIAL}")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def keep_result(folder: Path, answer: Path) -> str:
    """Move a large answer to a job's folder, to outlive a power cut; returns where it is there.

    Raises `OSError`.
    """
    place = folder / "result"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = place / answer.name
    shutil.move(answer, kept)
    sync_tree(place)
    return str(kept.relative_to(folder))


def sync_tree(folder: Path) -> None:
    """Make the files in a folder of a job, and their names, survive a power cut. Raises `OSError`."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync(Path(place) / name)
        sync(Path(place))
    sync_job(folder.parent)


def sync_job(folder: Path) -> None:
    """Make a job's folder be found after a power cut: from its own names to those of the data folder.

    Raises `OSError`.
    """
    sync_names(folder, folder.parents[2])
