"""The folder of a job that was run here: its checkpoints, artifacts, log, metrics and result."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from time import strftime, time

from modelport.contract.calls import Answer
from modelport.jobs.records import NewEvent
from modelport.jobs.views import utc

RUNS = Path("modelport-runs")
OWN_FOLDERS = ("result", "checkpoints", "artifacts")


def new_run_folder(model: str) -> Path:
    """A folder for a run of this model that is not there yet, below the current one."""
    stem = f"{strftime('%Y%m%d-%H%M%S')}-{model.replace('/', '-')}"
    found = RUNS / stem
    number = 1
    while found.exists():
        number += 1
        found = RUNS / f"{stem}-{number}"
    return found


class RunFolder:
    """Keeps what a job says, unless `record` is false: then only what its own code keeps is left."""

    def __init__(self, path: Path, earlier: list[NewEvent], *, record: bool = True):
        self.path = path
        self._earlier = earlier  # written with the first event of the call: a refused one leaves no files
        self._record = record

    def take(self, event: NewEvent) -> None:
        """Write an event at the end of its file. Raises `OSError`."""
        if not self._record:
            return
        earlier, self._earlier = self._earlier, []
        for one in [*earlier, event]:
            if one.type == "log":
                with (self.path / "log.txt").open("a", encoding="utf-8", errors="replace") as log:
                    log.write(one.data["line"].rstrip("\n") + "\n")
            elif one.type == "metric":
                self._metric(one)

    def _metric(self, event: NewEvent) -> None:
        path = self.path / "metrics.csv"
        is_new = not path.exists()
        with path.open("a", encoding="utf-8", errors="replace", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(["name", "step", "value", "at"])
            data = event.data
            writer.writerow([data["name"], data["step"], data["value"], utc(time())])

    def keep_result(self, answer: Answer) -> None:
        """Write what the model returned. Raises `OSError`."""
        if not self._record or answer.status != 200:
            return
        place = self.path / "result.json"
        if answer.path:
            shutil.copyfile(answer.path, place)
        else:
            place.write_bytes(answer.body)

    def tidy(self) -> bool:
        """Remove what the job did not use. True if anything is left."""
        shutil.rmtree(self.path / "result", ignore_errors=True)
        for folder in (*(self.path / name for name in OWN_FOLDERS), self.path):
            _remove_empty(folder)
        if self.path.parent == RUNS.absolute():
            _remove_empty(RUNS)
        return self.path.exists()


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass
