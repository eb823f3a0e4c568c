"""The secret that webhooks are signed with: the operator's, or one made once and kept in the data folder."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from modelport.webhooks import PREFIX, keys_of

FILE_NAME = "webhook-secret"


def webhook_secret(given: str | None, data_dir: Path) -> str:
    """The setting if there is one, else what the file in the data folder holds; the file is made if missing.

    Raises `ValueError` saying what is wrong with either, `OSError` if the file cannot be read or made.
    """
    path = data_dir / FILE_NAME
    secret = given or _kept(path)
    try:
        keys_of(secret)
    except ValueError as error:
        where = "the setting webhook_secret" if given else f"the file {path}"
        raise ValueError(f"{where}: {error}") from None
    return secret


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        _make(path)
        return path.read_text(encoding="ascii").strip()


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all. If another server is faster, its secret stays."""
    secret = PREFIX + base64.b64encode(secrets.token_bytes(32)).decode() + "\n"
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)  # unlike a rename, it never replaces
        except FileExistsError:
            pass
    finally:
        new.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
