"""The tables of people with passwords: who they are, where they are logged in, what signs their tokens."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, Table, Text

from modelport.storage.schema.base import metadata

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),  # the name as it is compared
    Column("password", Text),  # as argon2 writes it; null: nobody can log in with one
    Column("role", Text, nullable=False),
    Column("models", Text),  # with commas between them; null: all
    Column("created_at", Float(53), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("disabled_at", Float(53)),
    Column("last_login_at", Float(53)),
)

# Where somebody is logged in. Of what renews it there are SHA-256s alone. One that has ended is not there.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("expires_at", Float(53), nullable=False),
    Column("address", Text, nullable=False),  # where its password was sent from
    Column("family", LargeBinary, unique=True),  # of its refresh tokens; null: it is a page's
    Column("current", LargeBinary),  # the one of them that can be used
)
Index("sessions_by_user", sessions.c.user_id)
Index("sessions_by_end", sessions.c.expires_at)

# Where users have logged in from, hashed with their ids: strangers do not slow them down there.
user_addresses = Table(
    "user_addresses",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("address", LargeBinary, primary_key=True),
    Column("at", Float(53), nullable=False),
)

# What tokens are signed with: the newest signs, the others are kept while tokens of theirs hold.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("private", LargeBinary, nullable=False),  # 32 bytes of Ed25519
    Column("created_at", Float(53), nullable=False),
)

# The link by which the first administrator is made, as SHA-256.
first_links = Table(
    "first_links",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("expires_at", Float(53), nullable=False),
)

# Counts what takes something from a user or a session, in one row, in the order of the commits.
user_changes = Table(
    "user_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
)
