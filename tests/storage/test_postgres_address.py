"""The URL of a PostgreSQL: each word of it counts, or is refused."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from making import new_job
from middleman import Middleman
from postgres_server import Postgres
from sqlalchemy import text

from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreReadOnly, StoreUnavailable
from modelport.storage.postgres_address import OPTIONS, Address, address_of


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+pg8000"])
def test_the_parts_of_a_url(scheme: str) -> None:
    found = address_of(f"{scheme}://me:p%40ss@there:5433/jobs?application_name=lab&connect_timeout=3", {})
    assert found.servers == (("there", 5433),)
    assert (found.user, found.password, found.database) == ("me", "p@ss", "jobs")
    assert (found.application_name, found.connect_seconds) == ("lab", 3)
    assert found.name == "the database jobs on there"
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    ("where", "servers"),
    [
        ("postgres://me@/jobs", (("localhost", 5432),)),
        ("postgres://me@[::1]:5433/jobs", (("::1", 5433),)),
        ("postgres://me@/jobs?host=/run/postgresql&port=5433", (("/run/postgresql", 5433),)),
        ("postgres://me@/jobs?host=a&host=b:5433", (("a", 5432), ("b", 5433))),
        ("postgres://me@/jobs?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("postgres://me:p%40ss@a:1,b/jobs?target_session_attrs=read-write", (("a", 1), ("b", 5432))),
        ("postgres://me@[::1]:1,b:2", (("::1", 1), ("b", 2))),
        ("postgres://me:p,a/ss@a,b?application_name=c,d@e", (("a", 5432), ("b", 5432))),
    ],
)
def test_where_the_servers_are(where: str, servers: tuple[tuple[str, int], ...]) -> None:
    assert address_of(where, {}).servers == servers


def test_what_the_url_leaves_open_is_filled_in() -> None:
    found = address_of("postgres://me@there", {"PGPASSWORD": "geheim"})
    assert (found.database, found.password, found.options) == ("me", "geheim", OPTIONS)
    assert found.tls.context is not None
    assert not found.tls.required
    assert address_of("postgres://me@there?connect_timeout=0", {}).connect_seconds == Address.connect_seconds
    options = address_of("postgres://me@there?options=-c%20statement_timeout=5s", {}).options
    assert options == f"{OPTIONS} -c statement_timeout=5s"


@pytest.mark.parametrize(
    ("mode", "checks", "names", "required"),
    [
        ("allow", ssl.CERT_NONE, False, False),
        ("prefer", ssl.CERT_NONE, False, False),
        ("require", ssl.CERT_NONE, False, True),
        ("verify-full", ssl.CERT_REQUIRED, True, True),
    ],
)
def test_modes_of_tls(mode: str, checks: ssl.VerifyMode, names: bool, required: bool) -> None:
    by_url = address_of(f"postgres://me@there?sslmode={mode}", {}).tls
    by_variable = address_of("postgres://me@there", {"PGSSLMODE": mode}).tls
    for tls in (by_url, by_variable):
        assert tls.context is not None
        assert (tls.context.verify_mode, tls.context.check_hostname, tls.required) == (
            checks,
            names,
            required,
        )
    assert address_of("postgres://me@there?sslmode=disable", {"PGSSLMODE": mode}).tls.context is None


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("postgres://:::", "write postgresql://user:password@host:5432/name"),
        ("postgres://me:geheim@there:port/jobs", "cannot be read"),
        ("postgres://me:geheim@/jobs?host=a,b&port=1,2,3", "cannot be read"),
        ("postgres://me:geheim@a:1,b:two/jobs", "cannot be read"),
        (
            "postgres://me:geheim@there?sslmod=require",
            "says sslmod, which modelport does not know; leave it out",
        ),
        ("postgres://me:geheim@there?channel_binding=require", "says channel_binding"),
        ("postgres://me:geheim@there?sslmode=yes", "sslmode=yes, which is none of disable, allow,"),
        (
            "postgres://me:geheim@there?sslmode=verify-ca",
            "would trust any certificate of any public authority",
        ),
        ("postgres://me:geheim@there?sslmode=require&sslrootcert=system", "would trust any certificate"),
        ("postgres://me:geheim@there?sslrootcert=ca.pem", "sslrootcert checks nothing with sslmode=prefer"),
        (
            "postgres://me:geheim@there?sslmode=verify-full&sslrootcert=no.pem",
            "No such file.*check sslrootcert",
        ),
        ("postgres://me:geheim@there?sslmode=require&sslcert=no.pem", "No such file.*check sslrootcert"),
        ("postgres://me:geheim@/jobs?host=/run&sslmode=require", "cannot be had through a Unix socket"),
        ("postgres://me:geheim@there?target_session_attrs=standby", "need not take writes"),
    ],
)
def test_what_cannot_be_had_is_refused(where: str, why: str) -> None:
    with pytest.raises(StoreUnavailable, match=why) as raised:
        address_of(where, {})
    assert "geheim" not in str(raised.value)


# -- with a real server ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that is its own authority, for the name localhost alone, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "localhost.pem", folder / "localhost.key"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    name = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    where = ["-keyout", str(key), "-out", str(made)]
    subprocess.run([*request.split(), *name.split(), *where], check=True, capture_output=True)
    return made, key


@pytest.fixture
def behind_tls(postgres: Postgres, certificate: tuple[Path, Path]) -> Iterator[Middleman]:
    """A PostgreSQL that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    middleman = Middleman(postgres.port, context)
    yield middleman
    middleman.close()


async def _works(where: str) -> None:
    store = await JobStore.open(where)
    job, _ = await store.submit(new_job())
    assert await store.get(job.id) == job
    await store.close()


@pytest.mark.anyio
async def test_tls_is_what_the_url_asks_for(
    postgres: Postgres, behind_tls: Middleman, certificate: tuple[Path, Path], anyio_backend: str
) -> None:
    name = postgres.new_database().rpartition("/")[2]
    root = f"sslrootcert={certificate[0]}"

    def url(host: str, asked: str) -> str:
        return f"postgres://tests:geheim@{host}:{behind_tls.port}/{name}?{asked}"

    for good in ("sslmode=prefer", "sslmode=require", f"sslmode=verify-ca&{root}", f"sslmode=require&{root}"):
        await _works(url("127.0.0.1", good))
    await _works(url("localhost", f"sslmode=verify-full&{root}"))
    for host, asked, why in (
        ("localhost", "sslmode=verify-full", "its certificate is not trusted"),
        ("127.0.0.1", f"sslmode=verify-full&{root}", "its certificate is not trusted .*IP address mismatch"),
    ):
        with pytest.raises(StoreUnavailable, match=why) as raised:
            await JobStore.open(url(host, asked))
        assert "geheim" not in str(raised.value)


@pytest.mark.anyio
async def test_a_server_without_tls_is_refused_where_it_is_required(
    postgres: Postgres, anyio_backend: str
) -> None:
    where = postgres.new_database()
    await _works(f"{where}?sslmode=prefer")
    for mode in ("require", "verify-full"):
        with pytest.raises(StoreUnavailable, match="it has no TLS, which sslmode requires"):
            await JobStore.open(f"{where}?sslmode={mode}")


@pytest.mark.anyio
async def test_the_session_is_as_the_store_needs_it(postgres: Postgres, anyio_backend: str) -> None:
    store = await JobStore.open(f"{postgres.new_database()}?options=-c%20statement_timeout%3D7s")
    wanted = {
        "synchronous_commit": "on",
        "statement_timeout": "7s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "1min",
        "application_name": "modelport",
    }
    for name, value in wanted.items():
        found = await store.database.write(
            lambda tx, n=name: tx.connection.execute(text(f"SHOW {n}")).scalar()
        )
        assert (name, found) == (name, value)
    await store.close()


@pytest.mark.anyio
async def test_a_unix_socket(postgres: Postgres, anyio_backend: str) -> None:
    name = postgres.new_database().rpartition("/")[2]
    await _works(f"postgres://tests@/{name}?host={postgres.folder}&port={postgres.port}")
    with pytest.raises(StoreUnavailable, match="/nowhere port 5432: No such file or directory"):
        await JobStore.open("postgres://tests@/jobs?host=/nowhere")


@pytest.mark.anyio
async def test_the_first_server_that_takes_writes_is_taken(postgres: Postgres, anyio_backend: str) -> None:
    name = postgres.new_database().rpartition("/")[2]
    await _works(f"postgres://tests@/{name}?host=127.0.0.1:1&host=127.0.0.1:{postgres.port}")
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(StoreReadOnly, match="can only be read, as a standby: point --database-url at"):
        await JobStore.open(postgres.url(name))


@pytest.mark.anyio
async def test_a_login_that_is_refused_says_why_and_not_the_password(
    postgres: Postgres, anyio_backend: str
) -> None:
    name = postgres.new_database().rpartition("/")[2]
    postgres.sql("CREATE ROLE careful LOGIN PASSWORD 'richtig'")
    postgres.sql("GRANT ALL ON SCHEMA public TO careful", name)
    with postgres.asking_for_passwords():
        for password in ("geheim", ""):
            with pytest.raises(
                StoreUnavailable, match='password authentication failed for user "careful"'
            ) as raised:
                await JobStore.open(f"postgres://careful:{password}@127.0.0.1:{postgres.port}/{name}")
            assert "geheim" not in str(raised.value)
        await _works(f"postgres://careful:richtig@127.0.0.1:{postgres.port}/{name}")
