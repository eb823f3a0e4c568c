"""Where things are that settings name: the data folder, and the path of the API."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from modelport.home import expanded

PROJECT_FOLDER = ".modelport"  # in the working folder: a data folder of its own for each project


def data_folder(data_dir: str) -> Path:
    """Where jobs and runs are: the folder that the setting names, or the project's own, or the user's."""
    if data_dir:
        return expanded(data_dir)
    of_project = Path(PROJECT_FOLDER)
    if of_project.is_dir():
        return of_project.absolute()
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home.startswith("/") else expanded("~/.local/share")) / "modelport"


def store_name(database_url: str | None) -> str:
    """A short name for the database, the same in each server that has it at the same address."""
    if not database_url:
        return "sqlite"
    url = urlsplit(database_url)
    place = url.netloc.rpartition("@")[2] + url.path  # no word of the password
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def outer_path(root_path: str, base_path: str) -> str:
    """Under which path clients find what is served: what a proxy cuts off, and then the base path."""
    return normal_base_path(root_path) + normal_base_path(base_path)


def normal_base_path(given: str) -> str:
    """A base path with one leading slash and no trailing one; empty for the root."""
    stripped = given.strip("/")
    return f"/{stripped}" if stripped else ""
