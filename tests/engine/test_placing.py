"""What each process of a model may use: its device, its threads, its variables."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_calls import ended
from serving import Server, serving, wait_until

import modelport
from modelport.contract.current_worker import shares_of, usable_cores
from modelport.engine.placing import THREADS, placed
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.worker.frames import Load

LOAD = Load("m", "file", "m.py", "", "")


@pytest.fixture(autouse=True)
def nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", *THREADS):
        monkeypatch.delenv(name, raising=False)


class Site:
    """A server whose two workers, and whatever replaces them, have noted what they may use."""

    def __init__(self, server: Server, notes: Path):
        self.server = server
        self._notes = notes

    def notes(self, number: int) -> list[dict[str, Any]]:
        """What the first processes have noted, once there are so many."""

        def lines() -> list[str]:
            return self._notes.read_text().splitlines() if self._notes.exists() else []

        wait_until(lambda: len(lines()) >= number, lambda: f"{lines()}\n{self.server.log}")
        return [json.loads(line) for line in lines()[:number]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("placing")
    notes = folder / "notes"
    (folder / "service.toml").write_text(
        f'environment = {{ NOTES = "{notes}", TOLD = "to all" }}\n'
        '[models.placed]\nsource = "placed.py"\nworkers = 2\ndevices = ["cuda:3", "cuda:1"]\n'
        '[models.placed.environment]\nTOLD = "to one"\n'
    )
    (folder / "placed.py").write_text((Path(__file__).parents[1] / "models" / "placed.py").read_text())
    with serving(str(folder / "service.toml")) as server:
        yield Site(server, notes)


def test_each_worker_sees_one_device_and_one_that_replaces_it_the_same(site: Site) -> None:
    first = site.notes(2)
    assert {(one["number"], one["CUDA_VISIBLE_DEVICES"], one["device"]) for one in first} == {
        (0, "3", "cuda:0"),
        (1, "1", "cuda:0"),
    }
    assert site.server.client.post("/v2/models/placed/predict", json={"leave": True}).status_code == 500
    third = site.notes(3)[2]
    left = site.server.client.post("/v2/models/placed/predict", json={}).json()["pid"]
    gone = next(one for one in first if one["pid"] != left and third["number"] == one["number"])
    assert third["CUDA_VISIBLE_DEVICES"] == gone["CUDA_VISIBLE_DEVICES"]


def test_each_worker_has_its_share_of_the_cores_and_the_variables_of_its_model(site: Site) -> None:
    share = max(1, usable_cores() // 2)
    for one in site.notes(2):
        assert (one["model"], one["TOLD"], one["threads"]) == ("placed", "to one", share)
        assert (one["OMP_NUM_THREADS"], one["RAYON_NUM_THREADS"]) == (str(share), str(share))


def test_the_process_of_a_job_has_a_device_and_the_cores_of_the_jobs(site: Site) -> None:
    with modelport.Client(site.server.url) as client:
        made = client.train("placed").result()
    assert (made["device"], made["CUDA_VISIBLE_DEVICES"], made["TOLD"]) == ("cuda:0", "3", "to one")
    assert (made["threads"], made["OMP_NUM_THREADS"]) == (usable_cores(), str(usable_cores()))


def test_what_the_operator_says_of_threads_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    load = placed(LOAD, Settings(workers=2), 0)
    assert (load.worker.threads, load.variables) == (5, {})
    load = placed(LOAD, Settings(workers=2, threads=3), 0)
    assert (load.worker.threads, load.variables) == (3, dict.fromkeys(THREADS, "3"))


def test_variables_of_the_model_count_as_the_operators() -> None:
    load = placed(LOAD, Settings(environment={"MKL_NUM_THREADS": "2"}), 0)
    assert (load.worker.threads, load.variables) == (2, {"MKL_NUM_THREADS": "2"})
    told = Settings(environment={"MKL_NUM_THREADS": "2"}, threads=4)
    assert placed(LOAD, told, 0).variables == dict.fromkeys(THREADS, "4") | {"MKL_NUM_THREADS": "2"}


@pytest.mark.parametrize(
    ("devices", "seen", "expected"),
    [
        ([], None, [None, None]),
        (["cpu"], None, ["", ""]),
        (["cuda:1", "cpu"], None, ["1", "", "1"]),
        (["GPU-8e52", "MIG-1/2/3"], "0", ["GPU-8e52", "MIG-1/2/3"]),
        (["cuda:1", "cuda:0"], "4, GPU-8e52", ["GPU-8e52", "4", "GPU-8e52"]),
        (["auto"], "4,6", ["4", "6", "4"]),
        (["auto"], "", [None]),
    ],
)
def test_workers_take_the_devices_in_turn(
    monkeypatch: pytest.MonkeyPatch, devices: list[str], seen: str | None, expected: list[str | None]
) -> None:
    if seen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    loads = [placed(LOAD, Settings(devices=devices), number) for number in range(len(expected))]
    assert [load.variables.get("CUDA_VISIBLE_DEVICES") for load in loads] == expected
    assert [load.worker.device for load in loads] == ["cuda:0" if one else "cpu" for one in expected]


def test_a_device_that_there_is_not_is_named_and_the_model_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    with pytest.raises(SettingsError, match=r"there is no cuda:2: CUDA_VISIBLE_DEVICES has 2 of them, from"):
        placed(LOAD, Settings(devices=["cuda:2"]), 0)
    variables = {"CUDA_VISIBLE_DEVICES": "4,6"}
    with serving("placed", "--devices", "cuda:2", "--keep-going", **variables) as server:
        assert server.wait_settled()["models"]["placed"]["state"] == "failed"
        server.wait_for_log(re.escape("placed: failed: devices: there is no cuda:2"))


def test_a_job_for_a_device_that_there_is_not_fails_alone() -> None:
    devices = ("--devices", "cuda:0", "--devices", "cuda:7", "--job-workers", "2")
    with serving("placed", *devices, CUDA_VISIBLE_DEVICES="4,6") as server:  # jobs take them in turn
        server.wait_settled()
        begun = [server.client.post("/v2/models/placed/train/", json={}).json()["uuid"] for _ in range(3)]
        jobs = [ended(server.client, job) for job in begun]
    assert sorted(job["state"] for job in jobs) == ["failed", "succeeded", "succeeded"]
    (why,) = (job["error"] for job in jobs if job["error"])
    assert why.startswith("it could not be started: devices: there is no cuda:7: CUDA_VISIBLE_DEVICES has 2")


def test_a_thread_of_the_server_has_what_that_has() -> None:
    assert placed(LOAD, Settings(workers=0, devices=["cuda:0"], threads=2), 0) == LOAD
    with serving("placed", "--workers", "0", "--threads", "2") as server:
        server.wait_for_log(r"without a process of its own \(workers = 0\) these mean nothing: threads")
        here = server.client.post("/v2/models/placed/predict", json={}).json()
        assert (here["model"], here["threads"]) == ("", usable_cores())


def test_the_cores_of_a_cgroup_and_of_those_above_it_are_what_it_has_time_for(tmp_path: Path) -> None:
    second = {"cpu.max": "max 100000", "pod/cpu.max": "250000 100000", "pod/box/cpu.max": "50000 100000"}
    first = {"cpu,cpuacct/box/cpu.cfs_quota_us": "300000", "cpu,cpuacct/box/cpu.cfs_period_us": "100000"}
    unbounded = {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"}
    for name, text in {**second, **first, **unbounded}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert shares_of("0::/pod/box\n", tmp_path) == [0.5, 2.5]
    assert shares_of("0::/\n", tmp_path) == []
    assert shares_of("4:memory:/box\n3:cpu,cpuacct:/box\n1:name=systemd:/\n", tmp_path) == [3.0]
    assert shares_of("0::/of/the/host\n", tmp_path) == []


def test_outside_of_a_worker_there_is_the_cpu_and_every_core() -> None:
    here = modelport.current_worker()
    assert (here.model, here.device, here.threads) == ("", "cpu", usable_cores())
    assert usable_cores() <= len(os.sched_getaffinity(0))
