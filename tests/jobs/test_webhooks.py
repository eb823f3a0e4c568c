"""Webhooks: each end of a job is told at least once, signed, in order, and to nobody inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest
from webhook_world import SECRET, World, world

from modelport.jobs.states import State
from modelport.jobs.views import job_view
from modelport.jobs.webhook_targets import AT_ONCE_TO_ONE, REMEMBERED, SILENT_SECONDS, Targets, target_of
from modelport.jobs.webhooks import LEASE_SECONDS, SCHEDULE, check_callback_url
from modelport.security.ports import port_numbers
from modelport.webhooks import WebhookError, verify

Scenario = Callable[[World], Awaitable[None]]


def play(scenario: Scenario, where: str) -> None:
    async def whole() -> None:
        async with world(where) as made:
            await scenario(made)

    asyncio.run(whole())


# --- what is sent ------------------------------------------------------------------------------------


def test_the_end_of_a_job_is_told_once_and_signed(where: str) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver()
        here.sender()
        job = await here.ended_job(receiver.url + "?for=me")
        message = await receiver.next()
        event = message.event(here.clock)
        assert event == {
            "type": "job.succeeded",
            "timestamp": "2027-01-15T08:00:00.000Z",
            "data": msgspec.to_builtins(job_view(job, "")),
        }
        assert event["data"]["state"] == "succeeded"
        assert message.path == "/hook?for=me"
        assert message.headers["content-type"] == "application/json"
        assert message.headers["webhook-id"].startswith("msg_")
        assert await here.watched.next_end() == (message.headers["webhook-id"], "", None)
        here.clock.now += 1e7
        assert await here.store.due_deliveries(10, "anybody", 1.0) == []

    play(scenario, where)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.INTERRUPTED])
def test_every_end_has_its_event(where: str, state: State) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver()
        here.sender()
        await here.ended_job(receiver.url, state, error="because" if state is State.FAILED else "")
        event = (await receiver.next()).event(here.clock)
        assert (event["type"], event["data"]["state"]) == (f"job.{state}", state)
        assert event["data"]["error"] == ("because" if state is State.FAILED else None)

    play(scenario, where)


def test_a_job_that_is_cancelled_before_it_runs_is_told(where: str) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver()
        here.sender()
        await here.store.request_cancel(await here.submit(receiver.url))
        event = (await receiver.next()).event(here.clock)
        assert (event["type"], event["data"]["ended_by"]) == ("job.cancelled", "before it ran")

    play(scenario, where)


def test_a_job_without_a_callback_is_told_to_nobody(where: str) -> None:
    async def scenario(here: World) -> None:
        await here.ended_job(None)
        assert await here.store.due_deliveries(10, "anybody", 1.0) == []

    play(scenario, where)


def test_while_a_secret_is_replaced_both_verify(where: str) -> None:
    new = "whsec_" + "bmV3c2VjcmV0" * 3

    async def scenario(here: World) -> None:
        receiver = await here.receiver()
        here.sender(secret=f"{new} {SECRET}")
        await here.ended_job(receiver.url)
        message = await receiver.next()
        for secret in (new, SECRET):
            assert verify(secret, message.headers, message.body, now=here.clock())["type"] == "job.succeeded"
        with pytest.raises(WebhookError):
            verify("whsec_" + "b3RoZXJvdGhl" * 3, message.headers, message.body, now=here.clock())

    play(scenario, where)


# --- when it is not accepted -------------------------------------------------------------------------


def test_a_refused_message_comes_again_by_the_schedule_and_then_no_more(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver(500)
        sender = here.sender()
        await here.ended_job(receiver.url)
        ids: set[str] = set()
        for wait in (*SCHEDULE, None):
            message = await receiver.next()
            assert message.event(here.clock)["type"] == "job.succeeded"  # signed anew, with the time of now
            ids.add(message.headers["webhook-id"])
            _, error, next_at = await here.watched.next_end()
            assert error == "the target answered 500"
            if wait is None:
                assert next_at is None
            else:
                assert next_at is not None
                assert here.clock.now + wait <= next_at <= here.clock.now + 1.1 * wait
                here.clock.now = next_at
                sender.wake()
        assert len(ids) == 1
        here.clock.now += 1e7
        assert await here.store.due_deliveries(10, "anybody", 1.0) == []

    with caplog.at_level(logging.WARNING, "modelport.jobs"):
        play(scenario, where)
    assert "given up" in caplog.text


def test_a_target_that_says_gone_is_not_asked_again(where: str) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver(410)
        here.sender()
        await here.ended_job(receiver.url)
        assert (await here.watched.next_end())[1:] == ("the target answered 410", None)

    play(scenario, where)


def test_a_redirect_is_a_failure_and_leads_nowhere(where: str) -> None:
    async def scenario(here: World) -> None:
        elsewhere = await here.receiver()
        receiver = await here.receiver(307, headers=f"Location: {elsewhere.url}\r\n")
        here.sender()
        await here.ended_job(receiver.url)
        _, error, next_at = await here.watched.next_end()
        assert error == "the target answered 307"
        assert next_at is not None
        assert elsewhere.connections == 0

    play(scenario, where)


def test_a_target_that_was_down_gets_all_in_order_with_the_same_ids(where: str) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver(500, 204)
        sender = here.sender()
        job = await here.ended_job(receiver.url, State.INTERRUPTED)
        first = await receiver.next()
        _, _, next_at = await here.watched.next_end()
        # The job goes on and ends, while the first message is still owed.
        await here.store.retry(job.id)
        await here.run_next()
        assert await here.store.due_deliveries(10, "anybody", 1.0) == []
        assert next_at is not None
        here.clock.now = next_at
        sender.wake()
        again, last = await receiver.next(), await receiver.next()
        assert again.headers["webhook-id"] == first.headers["webhook-id"] != last.headers["webhook-id"]
        events = [message.event(here.clock) for message in (again, last)]
        assert [event["type"] for event in events] == ["job.interrupted", "job.succeeded"]
        assert [event["data"]["state"] for event in events] == ["interrupted", "succeeded"]
        assert events[0]["data"]["revision"] < events[1]["data"]["revision"]

    play(scenario, where)


def test_nobody_listening_is_no_end_of_it(where: str) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver()
        await receiver.stop()
        sender = here.sender()
        await here.ended_job(receiver.url)
        _, error, next_at = await here.watched.next_end()
        assert error == "no allowed address answered in time"
        assert next_at is not None
        await receiver.start()
        here.clock.now = next_at
        sender.wake()
        assert (await receiver.next()).event(here.clock)["type"] == "job.succeeded"

    play(scenario, where)


def test_a_server_that_dies_after_sending_leaves_it_to_the_next_one(where: str) -> None:
    async def scenario(here: World) -> None:
        receiver = await here.receiver(0, 204)
        first = here.run(here.idle_sender())
        await here.ended_job(receiver.url)
        sent = await receiver.next()
        first.cancel()  # before the answer
        await asyncio.gather(first, return_exceptions=True)
        here.sender()
        assert await here.store.due_deliveries(10, "anybody", 1.0) == []
        here.clock.now += LEASE_SECONDS
        again = await receiver.next()
        assert again.headers["webhook-id"] == sent.headers["webhook-id"]
        assert (await here.watched.next_end())[1] == ""

    play(scenario, where)


# --- slow and silent targets -------------------------------------------------------------------------


def test_a_slow_target_does_not_hold_up_another(where: str) -> None:
    async def scenario(here: World) -> None:
        slow, quick = await here.receiver(0), await here.receiver()
        for _ in range(6):
            await here.ended_job(slow.url)
        here.sender()
        for _ in range(AT_ONCE_TO_ONE):
            await slow.next()
        for _ in range(5):
            await here.ended_job(quick.url)
            assert (await quick.next()).event(here.clock)["type"] == "job.succeeded"
        assert slow.connections == AT_ONCE_TO_ONE

    play(scenario, where)


def test_a_silent_target_is_left_alone_for_a_while(where: str) -> None:
    async def scenario(here: World) -> None:
        silent = await here.receiver(0)
        for _ in range(8):
            await here.ended_job(silent.url)
        sender = here.idle_sender()
        sender.limits = replace(sender.limits, total_deadline_s=0.2)
        here.run(sender)
        ends = [await here.watched.next_end() for _ in range(8)]
        errors = [error for _, error, _ in ends]
        tried = errors.count("no allowed address answered in time")
        assert 3 <= tried <= 5  # two may begin between the first silence and the third
        assert errors.count("not tried: the target has just given no answer to others") == 8 - tried
        assert silent.connections <= tried
        assert all(next_at is not None for _, _, next_at in ends)

    play(scenario, where)


def test_silence_ends_with_time_or_an_answer() -> None:
    targets = Targets()
    for _ in range(2):
        targets.stayed_silent("http://a", 100.0)
    assert not targets.is_silent("http://a", 100.0)
    targets.stayed_silent("http://a", 100.0)
    assert targets.is_silent("http://a", 100.0 + SILENT_SECONDS - 1)
    assert not targets.is_silent("http://b", 100.0)
    assert not targets.is_silent("http://a", 100.0 + SILENT_SECONDS)
    targets.stayed_silent("http://a", 200.0)
    assert targets.is_silent("http://a", 200.0)
    targets.answered("http://a")
    assert not targets.is_silent("http://a", 200.0)


def test_only_so_many_silent_targets_are_remembered() -> None:
    targets = Targets()
    for _ in range(3):
        targets.stayed_silent("http://first", 0.0)
    for number in range(REMEMBERED):
        targets.stayed_silent(f"http://{number}", 0.0)
    assert not targets.is_silent("http://first", 0.0)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Example.org", "https://example.org"),
        ("HTTPS://example.org:443/Path", "https://example.org:443"),
        ("http://example.org?x=http://y/", "http://example.org"),
    ],
)
def test_a_target_is_what_stands_before_the_path(url: str, target: str) -> None:
    assert target_of(url) == target


def test_a_full_target_is_left_out_and_its_namesakes_are_not(where: str) -> None:
    urls = [
        "http://h",
        "http://h/",
        "HTTP://H?x",
        "http://h_/",
        "http://hh/",
        "http://h:8/",
        "http://x/http://h/",
    ]

    async def scenario(here: World) -> None:
        for url in urls:
            await here.ended_job(url)
        due = await here.store.due_deliveries(10, "anybody", 1.0, ["http://h"])
        assert [delivery.url for delivery in due] == urls[3:]
        rest = await here.store.due_deliveries(10, "anybody", 1.0, ["http://h_"])
        assert [delivery.url for delivery in rest] == urls[:3]

    play(scenario, where)


# --- where it may go ---------------------------------------------------------------------------------


def test_a_name_that_leads_inside_gets_nothing(where: str) -> None:
    async def scenario(here: World) -> None:
        inner = await here.receiver()
        sender = here.idle_sender(allow_private=False)
        here.run(sender)
        await here.ended_job(f"http://localhost:{inner.port}/")
        await here.ended_job(inner.url)
        for _ in range(2):
            _, error, _ = await here.watched.next_end()
            assert error == "no allowed address answered in time"  # the same words as for a dead host
        assert inner.connections == 0

    play(scenario, where)


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://example.org/a?b=c", "https://[2606:4700::1]/"]
)
def test_a_public_callback_url_is_taken(url: str) -> None:
    check_callback_url(url)
    check_callback_url(url, allow_private=True)
    with pytest.raises(ValueError, match=r"on port 8080.*callback_ports"):
        check_callback_url(url, ports=["8080"])


INNER = ["http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1/", "http://192.168.1.1/", "http://localhost/",
         "http://api.localhost/", "http://[fd00::1]/"]  # fmt: skip
NEVER = ["file:///etc/passwd", "ftp://example.org/", "example.org", "", "http://user:pw@example.org/",
         "http://example.org/#x", "http://example.org/ x", "http://0/", "http://2130706433/", "http://h:0/",
         "http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
         "http://168.63.129.16/", "http://[fe80::1]/", "http://0.0.0.0/", "http://224.0.0.1/",
         "http://[::ffff:169.254.169.254]/", "http://h/\0", "http://h/" + 9000 * "a"]  # fmt: skip


@pytest.mark.parametrize("url", [*INNER, *NEVER, "http://example.org:8080/"])
def test_another_callback_url_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^callback_url must "):
        check_callback_url(url)


@pytest.mark.parametrize("url", INNER)
def test_an_operator_can_allow_the_inner_network(url: str) -> None:
    check_callback_url(url, allow_private=True)


@pytest.mark.parametrize("port", [22, 5432, 8080, 8999, 65535])
def test_an_operator_names_the_ports(port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    with pytest.raises(ValueError, match=r"on port 80, 443 .*port \d+ is not allowed.*callback_ports"):
        check_callback_url(url, allow_private=True)
    check_callback_url(url, allow_private=True, ports=["80", str(port)])
    check_callback_url(url, allow_private=True, ports=[f"{port}-{port}"])


@pytest.mark.parametrize("text", ["", "a", "0", "65536", "9-8", "1-", "-1", "\u0661", "80 - 90"])
def test_what_names_no_port(text: str) -> None:
    with pytest.raises(ValueError, match="is no port"):
        port_numbers([text])


@pytest.mark.parametrize("url", NEVER)
def test_nobody_can_allow_the_rest(url: str) -> None:
    with pytest.raises(ValueError, match=r"^callback_url must "):
        check_callback_url(url, allow_private=True)
