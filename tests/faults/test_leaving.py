"""Clients that leave, and more calls than the queue takes."""

from __future__ import annotations

import concurrent.futures

from fault_site import Site, prediction
from serving import wait_until

OPTIONS = ("--queue-size", "4")
SERVED = "m=Faulty flood=Faulty s=Streaming t=Together"


def test_the_work_of_a_client_that_left_is_stopped_and_the_worker_lives(site: Site) -> None:
    before = site.pid()
    client = site.connection("wait", text="leaves")
    held = site.gate.arrival()
    client.close()
    held.wait_end()
    assert site.pid() == before


def test_the_call_of_a_client_that_left_the_queue_never_runs(site: Site) -> None:
    running = site.start("wait", text="first")
    held = site.gate.arrival()
    waiting = [site.connection("wait", text="never") for _ in range(4)]
    full = site.predict(text="too many")
    while full.status_code == 200:  # only the queue's end tells that all four have arrived
        full = site.predict(text="too many")
    for client in waiting:
        client.close()
    last = site.start("echo", text="last")
    while concurrent.futures.wait([last], 0.2).done:  # refused: they are not seen to be gone yet
        last = site.start("echo", text="last")
    held.release()
    assert running.result().status_code == 200
    assert prediction(last.result())["text"] == "last"
    assert site.gate.nobody_came()


def test_a_full_queue_refuses_at_once_and_every_call_has_an_answer(site: Site) -> None:
    running = site.start("wait", "flood", text="first")
    held = site.gate.arrival()
    flood = [site.start("echo", "flood", text=str(n)) for n in range(50)]
    wait_until(lambda: sum(call.done() for call in flood) == 46, lambda: str(flood))
    refused = [call.result() for call in flood if call.done()]
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert "wait for the model 'flood' already" in refused[0].json()["detail"]
    held.release()
    assert running.result().status_code == 200
    taken = [(str(n), call.result()) for n, call in enumerate(flood) if call.result() not in refused]
    assert len(taken) == 4
    assert all(prediction(answer)["text"] == text for text, answer in taken)


def test_a_stream_whose_client_leaves_while_it_waits_is_stopped(site: Site) -> None:
    client = site.connection("wait", "s")
    held = site.gate.arrival()
    client.close()
    held.wait_end()
    assert site.health()["models"]["s"]["restarts"] == 0


def test_a_stream_whose_client_leaves_while_it_flows_is_stopped(site: Site) -> None:
    client = site.connection("endless", "s")
    held = site.gate.arrival()
    assert client.recv(10) == b"HTTP/1.1 2"
    client.close()
    held.wait_end()
    assert site.health()["models"]["s"]["restarts"] == 0


def test_a_client_that_leaves_a_batch_does_not_disturb_the_others(site: Site) -> None:
    path = "/v2/models/t/predict/"
    gone = site.connection("", "t", text="gone")
    calls = [site.submit(path, {"text": str(n)}) for n in range(3)]
    gone.close()
    assert [prediction(call.result())["text"] for call in calls] == list("012")
    assert site.health()["models"]["t"]["restarts"] == 0
