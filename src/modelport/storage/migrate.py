"""Bringing a database to the tables of this version, or saying why that cannot be.

Tables of a newer version are used as they are where they say that this one can: servers are upgraded one
after another, an older one may be started anew meanwhile, and an upgrade may be taken back.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text

from modelport.storage import failpoints
from modelport.storage.errors import StoreDamaged, StoreTooNew
from modelport.storage.schema.base import HEAD, usable_from
from modelport.storage.schema.making import make_tables

log = logging.getLogger("modelport.jobs")

LOCK = 0x6D6F64656C70  # of PostgreSQL's advisory locks: two servers that start at once take turns
NEWER = "%s has tables of version %s, of a newer modelport; this one (%s) can use them"
_in_turn = threading.Lock()  # Alembic keeps what it works on in globals: one database of a process at a time


def migrate(engine: Engine, name: str) -> None:
    """Make the tables, or run the missing migrations, in one transaction and under a lock.

    `name` says which database, in errors. Raises `StoreTooNew` for a database of a newer version that this
    one cannot use, `StoreDamaged` for one of something else.
    """
    with engine.begin() as connection:  # on SQLite BEGIN IMMEDIATE: that is the lock
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        version = version_of(connection, name)
        if version == HEAD:
            return
        if version is not None and is_usable(connection, version):
            log.info(NEWER, name, version, HEAD)
            return
        failpoints.reach("migrate.before")
        if version is None:
            make_tables(connection)
        else:
            _upgrade(connection, version, name)
        failpoints.reach("migrate.after")


def version_of(connection: Connection, name: str) -> str | None:
    """The version of the tables; `None` in an empty database. Raises `StoreDamaged` if they are not ours."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if isinstance(found, str) and "jobs" in tables:
            return found
    elif not {"jobs", "events", "deliveries", "tokens"} & set(tables):
        return None
    raise StoreDamaged(
        f"{name} holds tables that modelport did not make, or has lost some of its own: "
        "give modelport a database of its own, or restore this one from a backup"
    )


def is_usable(connection: Connection, version: str) -> bool:
    """Whether tables of a newer version say that this modelport can use them."""
    if version <= HEAD or not inspect(connection).has_table(usable_from.name):
        return False
    oldest = connection.execute(select(usable_from.c.version)).scalar()
    return oldest is not None and oldest <= HEAD


def _upgrade(connection: Connection, version: str, name: str) -> None:
    # Alembic costs a fifth of a second to import, and few starts find an older database.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version not in known:
        raise StoreTooNew(
            f"{name} has tables of version {version}, which this modelport does not know (its newest is "
            f"{HEAD}): a newer modelport wrote it. Start that one, or use another database"
        )
    with _in_turn:
        command.upgrade(config, "head")
