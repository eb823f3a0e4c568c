"""Two servers on one PostgreSQL: what one of them makes live, spreads or removes, the other one follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from postgres_server import Postgres
from serving import Server, serving, wait_until
from version_site import MODEL, factor, live, promoted, refused, runs, train

V2 = "/v2/models/m"
pytestmark = pytest.mark.slow


def followed(condition: Callable[[], bool], said: str) -> None:
    """Wait until the other server has seen it, and loaded what it needs."""
    wait_until(condition, lambda: said, seconds=30.0)


@pytest.fixture(scope="module")
def servers(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    shared = (
        "--database-url", postgres.new_database(), "--data-dir", str(tmp_path_factory.mktemp("shared")),
        "--loaded-versions", "2", "--poll-seconds", "60",  # longer than is waited here: they tell each other
    )  # fmt: skip
    with serving(MODEL, *shared) as one, serving(MODEL, *shared) as other:
        for arguments in ({"factor": 2}, {"factor": 3}, {"factor": 4}):
            train(one.client, **arguments)
        yield one, other


@pytest.fixture
def clients(servers: tuple[Server, Server]) -> tuple[httpx.Client, httpx.Client]:
    """Version 1 is live on both, and no call goes anywhere else."""
    one, other = (server.client for server in servers)
    if live(one) != 1:
        promoted(one, 1)
    one.delete(f"{V2}/traffic").raise_for_status()
    followed(lambda: live(other) == 1 and factor(other) == 2, "version 1 is not live")
    return one, other


def test_a_promotion_is_followed(clients: tuple[httpx.Client, httpx.Client]) -> None:
    one, other = clients
    promoted(one, 2)
    followed(lambda: live(other) == 2, "the promotion")
    assert (factor(one), factor(other)) == (3, 3)
    assert other.post(f"{V2}/rollback").json()["version"] == 1
    followed(lambda: live(one) == 1, "the rollback")
    assert (factor(one), factor(other)) == (2, 2)


def test_shares_are_followed_and_end_everywhere(clients: tuple[httpx.Client, httpx.Client]) -> None:
    one, other = clients
    one.put(f"{V2}/traffic", json={"weights": {"2": 0.5}}).raise_for_status()
    followed(lambda: other.get(f"{V2}/traffic").json()["weights"] == {"2": 0.5}, "the share")
    assert sorted(factor(other) for _ in range(4)) == [2, 2, 3, 3]
    promoted(other, 2)
    followed(lambda: live(one) == 2, "the promotion of what had a share")
    followed(lambda: one.get(f"{V2}/traffic").json()["weights"] == {}, "the end of the share")
    assert {factor(client) for client in clients for _ in range(4)} == {3}


def test_a_promotion_is_followed_though_all_places_for_versions_are_taken(
    clients: tuple[httpx.Client, httpx.Client],
) -> None:
    one, other = clients
    weights = {"2": 0.25, "3": 0.25}
    one.put(f"{V2}/traffic", json={"weights": weights}).raise_for_status()
    followed(lambda: other.get(f"{V2}/traffic").json()["weights"] == weights, "the shares")
    promoted(one, 0)
    followed(lambda: live(other) == 0, "the promotion")


def test_a_plan_that_is_set_after_a_promotion_stays(clients: tuple[httpx.Client, httpx.Client]) -> None:
    """The other server, which ends the earlier one when it follows the promotion, must not take it back."""
    one, other = clients
    one.put(f"{V2}/traffic", json={"weights": {"2": 0.5}}).raise_for_status()
    followed(lambda: other.get(f"{V2}/traffic").json()["weights"] == {"2": 0.5}, "the share")
    promoted(one, 2)
    one.put(f"{V2}/traffic", json={"weights": {"3": 0.5}}).raise_for_status()
    followed(lambda: live(other) == 2, "the promotion")
    for client in (other, one):
        followed(lambda c=client: c.get(f"{V2}/traffic").json()["weights"] == {"3": 0.5}, "the new share")


def test_a_version_that_has_a_share_elsewhere_is_not_removed(
    clients: tuple[httpx.Client, httpx.Client],
) -> None:
    one, other = clients
    one.put(f"{V2}/traffic", json={"weights": {"3": 0.5}}).raise_for_status()
    assert "version 3" in refused(other.delete(f"{V2}/runs/{runs(other)[3]}"), 409)


def test_a_version_that_was_removed_is_served_nowhere(clients: tuple[httpx.Client, httpx.Client]) -> None:
    one, other = clients
    path = f"{V2}/versions/3/predict/"
    assert (factor(one, path), factor(other, path)) == (4, 4)
    one.delete(f"{V2}/runs/{runs(one)[3]}").raise_for_status()
    followed(lambda: other.post(path, json={"x": 1.0}).status_code == 404, "the removal")
    for client in clients:
        assert "no version 3" in refused(client.post(path, json={"x": 1.0}), 404)
