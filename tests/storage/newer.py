"""A modelport of tomorrow, with one migration more: `python newer.py DATABASE FOLDER [PLACE|alone]`.

It opens the database, and dies by SIGKILL at PLACE in the middle of that migration if one is given. With
`alone` no older one can use the tables afterwards.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from modelport.jobs.store import JobStore
from modelport.storage import migrate

STEPS = ("first", "half", "last")
ONE_MORE = """
import os, signal, sys
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", "{head}"


def reach(place):
    if sys.argv[3:] == [place]:
        os.kill(os.getpid(), signal.SIGKILL)


def upgrade():
    reach("first")
    op.add_column("jobs", sa.Column("colour", sa.Text, nullable=False, server_default="grey"))
    reach("half")
    op.create_table("colours", sa.Column("name", sa.Text, primary_key=True))
    op.execute("UPDATE jobs SET colour = 'red'")
    if sys.argv[3:] == ["alone"]:
        op.execute("UPDATE usable_from SET version = '9999'")
    reach("last")
"""


async def open_and_close(where: str) -> None:
    """What a server does with its database at the start and at the end."""
    store = await JobStore.open(where)
    await store.close()


if __name__ == "__main__":
    place = Path(sys.argv[2])
    shutil.copytree(Path(migrate.__file__).parent / "migrations", place / "migrations", dirs_exist_ok=True)
    script = ONE_MORE.replace("{head}", migrate.HEAD)
    (place / "migrations" / "versions" / "v9999_colours.py").write_text(script)
    migrate.HEAD = "9999"
    migrate.__file__ = str(place / "migrate.py")
    asyncio.run(open_and_close(sys.argv[1]))
