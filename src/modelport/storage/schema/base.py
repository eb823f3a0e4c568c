"""What the tables of the database have in common, and which version of them this modelport has.

A change of a table needs a migration in `storage/migrations/versions`, and `HEAD` names the newest one.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

HEAD = "0006"

metadata = MetaData()
# SQLite makes numbers by itself only for a column that is called INTEGER.
number = BigInteger().with_variant(Integer(), "sqlite")
