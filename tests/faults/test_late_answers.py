"""Answers that come when nobody waits for them any more: the files that they are made of are removed."""

from __future__ import annotations

import pytest
from fault_site import Site
from serving import wait_until

OPTIONS = ("--timeout", "2.0", "--kill-grace", "20")
SERVED = "m=Faulty left=Faulty late=Faulty"
LONG_WAY = {"Content-Encoding": "identity"}  # a field that the shortest way of a prediction does not take


def assert_no_files(site: Site) -> None:
    wait_until(lambda: not site.files(), lambda: f"left: {site.files()}")


def test_a_large_answer_after_its_client_left_leaves_no_file(site: Site) -> None:
    client = site.connection("late")
    held = site.gate.arrival()
    client.close()
    held.wait_end()
    assert site.predict(text="next").status_code == 200  # so the late answer has come
    assert_no_files(site)


@pytest.mark.parametrize("headers", [{}, LONG_WAY], ids=["short", "long"])
def test_a_large_answer_after_its_deadline_leaves_no_file(site: Site, headers: dict[str, str]) -> None:
    body = {"do": "late", "port": site.gate.port}
    answer = site.client.post("/v2/models/late/predict/", json=body, headers=headers)
    assert answer.status_code == 504
    site.gate.arrival().wait_end()
    assert site.predict(model="late", text="next").status_code == 200
    assert_no_files(site)


def test_a_worker_that_ends_in_the_middle_of_a_late_answer_leaves_no_file(site: Site) -> None:
    client = site.connection("late", "left", text="leave")
    held = site.gate.arrival()
    client.close()
    held.wait_end()
    site.wait_ready(1, "left")
    assert_no_files(site)
