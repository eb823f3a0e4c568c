"""What the tables of the database have in common, and which version of them this modelport has.

A new database is made from these tables, an older one is changed by migrations; a test holds that both are
the same. So a change of a table needs a migration in `storage/migrations/versions`, and `HEAD` names the
newest one.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

HEAD = "0014"
# The oldest version whose modelport can live with tables of `HEAD`: it reads and writes what it knows of, and
# what it does not know of is a table, or a column that may be empty or has a default.
USABLE_FROM = "0013"
WHERE = "where"

metadata = MetaData()
# SQLite makes numbers by itself only for a column that is called INTEGER.
number = BigInteger().with_variant(Integer(), "sqlite")

# One row. A modelport that finds tables of a version that it does not know looks here.
usable_from = Table("usable_from", metadata, Column("version", Text, primary_key=True))


def where(condition: str) -> dict[str, str]:
    """The `info` of an index on the rows that meet a condition.

    SQLAlchemy's own arguments name the databases, and importing PostgreSQL's costs a tenth of a second.
    """
    return {WHERE: condition}
