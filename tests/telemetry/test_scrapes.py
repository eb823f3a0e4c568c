"""What scrapes are made of: text, counts of requests, and what is read off the loop."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from modelport.engine.tally import BATCH_CALLS
from modelport.histogram import Histogram
from modelport.telemetry.exchanges import Alike, Exchange
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics import slow
from modelport.telemetry.metrics.requests import MOST_VERSIONS, RequestCounts
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.slow import SlowReading
from modelport.telemetry.metrics.text import Page

ODD = 'a "quoted" \\ back\nslash, {brace}'


def exchange(**of_it: object) -> Exchange:
    known = {"began": 0.0, "started": 0.0, "method": "POST", "path": "/", "model": "m", "verb": "predict"}
    return Exchange(**{**known, "dialect": "v2", "status": 200, "seconds": 0.002, **of_it})  # pyright: ignore


def shown(counts: RequestCounts, *loaded: int) -> dict[tuple[str, str, str], float]:
    """The value of each counter by its name, version and code."""
    page = Page(open_metrics=False)
    counts.show(page, {"m": loaded})
    return {
        (sample.name, sample.labels.get("version", ""), sample.labels.get("code", "")): sample.value
        for family in text_string_to_metric_families(page.text().decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("is_open", [False, True])
def test_odd_labels_and_values_are_read_as_they_were_written(is_open: bool) -> None:
    page = Page(open_metrics=is_open)
    histogram = Histogram(BATCH_CALLS)
    for value in (1, 2, 3, 256, 1000):
        histogram.observe(value)
    page.add(of.REQUESTS, (ODD, "", "é", "200"), 3)
    page.histogram(of.BATCHES, (ODD,), histogram)
    page.add(of.READY, (), 0.1)
    parse = open_metrics.text_string_to_metric_families if is_open else text_string_to_metric_families
    found = {family.name: family.samples for family in parse(page.text().decode())}
    [requests] = found["modelport_requests"]
    assert requests.labels == {"model": ODD, "verb": "", "dialect": "é", "code": "200"}
    assert requests.value == 3
    buckets = {one.labels["le"]: one.value for one in found["modelport_batch_size"] if "le" in one.labels}
    assert (buckets["1.0"], buckets["2.0"], buckets["4.0"], buckets["256.0"], buckets["+Inf"]) == (
        1,
        2,
        3,
        4,
        5,
    )
    assert [one.value for one in found["modelport_batch_size"] if "le" not in one.labels] == [
        1262,
        5,
    ] or is_open
    assert found["modelport_ready"][0].value == 0.1


def test_versions_beyond_the_bound_are_counted_together_and_the_model_loses_nothing() -> None:
    counts = RequestCounts()
    for version in range(3 * MOST_VERSIONS):
        for status in (200, 500):
            counts.hear(exchange(version=version, status=status, bytes_in=2, bytes_out=5))
    found = shown(counts, *range(3 * MOST_VERSIONS))
    versions = {version for name, version, _ in found if name == "modelport_version_requests_total"}
    assert versions == {str(version) for version in range(2 * MOST_VERSIONS, 3 * MOST_VERSIONS)}
    assert found["modelport_requests_total", "", "200"] == 3 * MOST_VERSIONS
    assert found["modelport_requests_total", "", "500"] == 3 * MOST_VERSIONS
    assert found["modelport_request_duration_seconds_count", "", ""] == 6 * MOST_VERSIONS
    assert found["modelport_request_body_bytes_total", "", ""] == 12 * MOST_VERSIONS
    assert found["modelport_response_body_bytes_total", "", ""] == 30 * MOST_VERSIONS


def test_a_version_that_is_not_loaded_is_not_shown_and_goes_on_where_it_was() -> None:
    counts = RequestCounts()
    counts.hear(exchange(version=1))
    assert ("modelport_version_requests_total", "1", "200") not in shown(counts, 2)
    counts.hear(exchange(version=1))
    assert shown(counts, 1)["modelport_version_requests_total", "1", "200"] == 2


def test_predictions_that_are_alike_are_counted_as_others_and_where_others_are() -> None:
    """Also when the version that they asked is counted with others before it meanwhile."""
    counts, by_records = RequestCounts(), RequestCounts()
    count = counts.of(Alike("", "m", 0, "predict", "v2"))
    for version in range(2 * MOST_VERSIONS):
        for each in (counts, by_records):
            each.hear(exchange(version=version))
        count(2, 5, 0.02, 0.01)
        by_records.hear(exchange(version=0, seconds=0.02, bytes_in=2, bytes_out=5))
    assert shown(counts, 0, 1) == shown(by_records, 0, 1)
    assert shown(counts)["modelport_requests_total", "", "200"] == 4 * MOST_VERSIONS


def test_scrapes_that_overlap_share_one() -> None:
    async def scrapes() -> None:
        metrics, gate, read = Metrics(), asyncio.Event(), 0

        async def reading() -> int:
            nonlocal read
            read += 1
            await gate.wait()
            return read

        part = SlowReading("memory", 0.0, reading)
        metrics.slow.append(part)
        metrics.sources.append(lambda page: page.add(of.READY, (), part.value or 0))
        both = [asyncio.create_task(metrics.scrape(open_metrics=is_open)) for is_open in (False, False, True)]
        left = asyncio.create_task(metrics.scrape(open_metrics=False))
        await asyncio.sleep(0)
        left.cancel()  # a client that leaves takes the scrape from nobody else
        gate.set()
        found = await asyncio.gather(*both)
        assert read == 1
        assert found[0] is found[1]
        assert b"modelport_ready 1\n" in found[0].text
        await metrics.stop()

    asyncio.run(scrapes())


def test_what_cannot_be_read_in_time_costs_the_scrape_nothing_but_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow, "DEADLINE", 0.01)

    async def scrapes() -> None:
        metrics = Metrics()

        async def never() -> int:
            await asyncio.Event().wait()
            return 1

        async def broken() -> int:
            raise OSError("no such file")

        metrics.slow += [SlowReading("jobs", 0.0, never), SlowReading("spool", 0.0, broken)]
        metrics.sources.append(lambda page: page.add(of.READY, (), 1))
        text = (await metrics.scrape(open_metrics=False)).text.decode()
        assert "modelport_ready 1\n" in text
        assert 'modelport_scrape_failures_total{part="jobs"} 1\n' in text
        assert 'modelport_scrape_failures_total{part="spool"} 1\n' in text
        await metrics.stop()

    asyncio.run(scrapes())


def test_what_was_just_read_is_not_read_again() -> None:
    async def scrapes() -> None:
        read: list[int] = []

        async def reading() -> int:
            read.append(1)
            return len(read)

        part = SlowReading("memory", 3600.0, reading)
        for _ in range(3):
            await part.renew()
        assert (part.value, len(read)) == (1, 1)

    asyncio.run(scrapes())


def test_nobody_waits_for_what_takes_minutes() -> None:
    async def run() -> list[tuple[int | None, int]]:
        gate = asyncio.Event()

        async def reading() -> int:
            await gate.wait()
            return 7

        part = SlowReading("drift", 0.0, reading, deadline=None)
        seen: list[tuple[int | None, int]] = []
        for _ in range(2):
            await part.renew()
            seen.append((part.value, part.failures))
        gate.set()
        while part.value is None:
            await part.renew()
            await asyncio.sleep(0)
        seen.append((part.value, part.failures))
        await part.stop()
        return seen

    assert asyncio.run(asyncio.wait_for(run(), 20.0)) == [(None, 0), (None, 0), (7, 0)]
