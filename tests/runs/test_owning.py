"""What is kept under a model's name is that of one model, and no other model of the name gets at it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import job_calls
import pytest
from making import running
from run_records import Jobs, new_run, open_jobs
from serving import environment, serving
from sqlalchemy import delete

from modelport.contract.errors import ModelLoadError
from modelport.jobs.records import Outcome
from modelport.jobs.states import State
from modelport.runs.owning import own_names
from modelport.sources.origins import Origin
from modelport.storage.schema.runs import origins

pytestmark = pytest.mark.anyio
HERE = Origin(path="/a/churn.py", machine="one", digest="1")
EDITED = Origin(path="/a/churn.py", machine="one", digest="2")
THERE = Origin(path="/b/churn.py", machine="one", digest="3")
MODEL = """
import modelport

class Churn(modelport.Model):
    factor = 0.0

    def predict(self, x: float) -> list[str]:
        return ["{who}", str(self.factor)]

    def load_model(self, path: object) -> None:
        self.factor = float(open(str(path)).read())

    def train(self, factor: float) -> dict[str, float]:
        path = modelport.current_job().checkpoint_dir / "factor"
        path.write_text(str(factor))
        modelport.current_job().save_model(path)
        return {{"f1": factor}}
"""


async def own(jobs: Jobs, origin: Origin, model: str = "m", *, adopt: bool = False) -> None:
    await own_names(jobs.store.database, {model: origin}, "the folder", adopt=adopt)


async def test_a_name_that_has_runs_stays_with_its_model(jobs: Jobs) -> None:
    await own(jobs, HERE)
    await jobs.runs.add([new_run()])
    await own(jobs, EDITED)
    with pytest.raises(ModelLoadError, match=r"/b/churn.py is not the model 'm' .* in the folder: .*--adopt"):
        await own(jobs, THERE)
    await own(jobs, THERE, "n")
    await own(jobs, THERE, adopt=True)
    with pytest.raises(ModelLoadError, match="/a/churn.py is not the model 'm'"):
        await own(jobs, EDITED)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.INTERRUPTED])
async def test_jobs_that_wait_are_not_run_by_another_model_of_the_name(jobs: Jobs, state: State) -> None:
    await own(jobs, HERE)
    claim = await running(jobs.store, kind="train", model="m")
    if state is State.QUEUED:
        await jobs.store.unclaim(claim.job.id, claim.token)
    if state is State.INTERRUPTED:
        outcome = Outcome(state=State.INTERRUPTED, status=503, error="gone", ended_by="lost")
        await jobs.store.finish(claim.job.id, claim.token, outcome)
    with pytest.raises(ModelLoadError):
        await own(jobs, THERE)


async def test_a_name_without_anything_is_free_in_a_file_of_one_server(jobs: Jobs) -> None:
    await own(jobs, HERE)
    claim = await running(jobs.store, kind="predict", model="m")
    failed = Outcome(state=State.FAILED, status=500, error="no", ended_by="exception")
    await jobs.store.finish(claim.job.id, claim.token, failed)
    if jobs.store.database.is_shared:  # its server may be there still, and train
        with pytest.raises(ModelLoadError):
            await own(jobs, THERE)
    else:
        await own(jobs, THERE)


async def test_of_several_names_none_is_taken_if_one_is_refused(jobs: Jobs) -> None:
    await own(jobs, HERE, "z")
    await jobs.runs.add([new_run(model="z")])
    with pytest.raises(ModelLoadError):
        await own_names(jobs.store.database, {"a": THERE, "z": THERE}, "the folder")
    await jobs.runs.add([new_run(model="a")])
    await own(jobs, HERE, "a")


async def test_runs_from_before_are_those_of_the_first_model_and_the_log_says_so(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = await open_jobs(where)
    await jobs.runs.add([new_run()])
    await jobs.store.database.write(lambda tx: tx.connection.execute(delete(origins)))
    with caplog.at_level(logging.INFO):
        await own(jobs, HERE)
    assert "do not say whose they are: they are those of /a/churn.py now" in caplog.text
    with pytest.raises(ModelLoadError):
        await own(jobs, THERE)
    await jobs.store.close()


@pytest.mark.slow
def test_the_model_of_another_project_is_not_served_as_a_version_of_this_one(tmp_path: Path) -> None:
    folders = {who: tmp_path / who for who in ("first", "second")}
    for who, folder in folders.items():
        folder.mkdir()
        (folder / "churn.py").write_text(MODEL.format(who=who))
    home = str(tmp_path / "data")
    mine = {"MODELPORT_DATA_DIR": "", "XDG_DATA_HOME": home}
    place = "/v2/models/churn/predict/"
    with serving("churn.py", cwd=folders["first"], **mine) as server:
        job_calls.ended(server.client, server.client.post("/v2/models/churn/train/?factor=2").json()["uuid"])
        live = server.client.put("/v2/models/churn/aliases/live", json={"version": 1})
        assert live.status_code == 200, live.text
        with serving("churn.py", cwd=folders["second"], **mine) as other:  # which cannot open the folder
            assert other.client.post(place, json={"x": 1}).json() == ["second", "0.0"]
            assert "is of another model" in other.log
    command = [sys.executable, "-m", "modelport", "serve", "--port", "0", "churn.py"]
    refused = subprocess.run(
        command, cwd=folders["second"], env=environment(**mine), capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert f"Error: {folders['second']}/churn.py is not the model 'churn'" in refused.stderr
    assert f"{home}/modelport: that is {folders['first']}/churn.py" in refused.stderr
    (folders["second"] / ".modelport").mkdir()
    with serving("churn.py", cwd=folders["second"], **mine) as server:
        assert server.client.post(place, json={"x": 1}).json() == ["second", "0.0"]
    (folders["first"] / "churn.toml").write_text('sources = ["churn:Churn"]')
    (folders["first"] / "churn.py").write_text(MODEL.format(who="edited"))
    with serving("--config", "churn.toml", cwd=folders["first"], **mine) as server:
        assert server.client.post(place, json={"x": 1}).json() == ["edited", "2.0"]
    assert json.loads((Path(home) / "modelport" / "live.json").read_text())["churn"]["version"] == 1
