"""Streams by the version that a path names, whatever is live."""

from __future__ import annotations

import job_calls
from serving import serving
from stream_clients import opened


def test_a_version_streams_beside_the_live_one_and_in_its_place_once_it_is_live() -> None:
    with serving("m=streaming_both_ways:Learns") as server:
        begun = server.client.post("/v2/models/m/train", json={"factor": 3})
        assert job_calls.ended(server.client, begun.json()["uuid"], 60.0)["state"] == "succeeded"
        with opened(server, "m/stream") as live, opened(server, "m/versions/1/stream") as one:
            live.send("2")
            one.send("2")
            assert (live.recv(), one.recv()) == ("2", "6")
            moved = server.client.put(
                "/v2/models/m/aliases/live", json={"version": 1, "on_regression": "warn"}
            )
            assert moved.status_code == 200, moved.text
            live.send("5")
            assert live.recv() == "5"  # a stream stays where it has begun
        with opened(server, "m/stream") as socket, opened(server, "m/versions/live/stream") as named:
            socket.send("2")
            named.send("3")
            assert (socket.recv(), named.recv()) == ("6", "9")
