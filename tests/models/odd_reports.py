"""A model whose trainings live in an odd world: what they import, report and return is of every kind."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torchish

import modelport


class Count(int):
    def __int__(self) -> int:
        raise RuntimeError("not so")


class Share(float):
    pass


class Same(str):
    def __str__(self) -> str:
        return self


class Odd:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("odd")

    def __str__(self) -> str:
        raise RuntimeError("odd")


class Reports(modelport.Model):
    def get_metadata(self) -> dict[str, Any]:
        version = torchish.__version__
        return {"name": "reports", "version": version, "made of": [version, Odd()]}

    def predict(self) -> list[Any]:
        return [torchish.__version__, Same("same"), Count(3), Share(0.5)]

    def train(self, do: str, text: str = "") -> Any:
        return getattr(self, do)(text)

    def nothing(self, text: str) -> Any:
        return {"f1": 0.5}

    def has_odd_modules(self, text: str) -> Any:
        sys.modules["odd"] = Odd()  # type: ignore[assignment]
        sys.modules[Same("same")] = sys.modules["torchish"]
        return {"f1": 0.5}

    def odd(self, text: str) -> Any:
        job = modelport.current_job()
        job.progress(Count(1), Share(2.0), Odd())  # type: ignore[arg-type]
        job.log_metric(Same("loss"), Share(0.25), step=4)
        round_about: list[Any] = []
        round_about += [round_about, round_about]
        kinds = {"text": Same("a"), "number": Share(0.9), "large": 10**30, "odd": Odd(), "half": "\udcff"}
        job.log_performance({Same("overall"): kinds, "deep": round_about, 5: [Path("/p")]})
        file = job.checkpoint_dir / os.fsdecode(b"of \xff.txt")
        file.write_text("kept")
        job.artifact(file)
        job.artifact(file, Same("named.txt"))
        job.artifact(file, Path("folder/named.txt"))
        return [torchish.__version__, Same("same")]

    def many(self, text: str) -> Any:
        job = modelport.current_job()
        for step in range(2500):
            job.log_metric("loss" if step % 5 else "accuracy", step, step=step)
        for step in range(5):
            job.log_metric("x" * (1 << 20), step, step=step)
        return {"f1": 0.5}

    def too_large(self, text: str) -> Any:
        modelport.current_job().log_performance({"overall": {"words": "x" * (65 << 20)}})
        return {"f1": 0.5}

    def returns(self, text: str) -> Any:
        return text.replace("(NUL)", "\0")

    def returns_a_kind(self, text: str) -> Any:
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        kinds = {
            "half": "\udcff",
            "inside": {"file": "\udcff"},
            "odd": Odd(),
            "digits": [10**5000, 1],
            "deep": deep,
        }
        return kinds[text]

    def closes_its_streams(self, text: str) -> Any:
        print("the last words")
        sys.stdout.close()
        sys.stderr.close()
        return {"f1": 0.5}

    def forks(self, text: str) -> Any:
        """The child comes back first, as `text` says."""
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if text == "raises":
            raise ValueError("in the child")
        return "of the child"

    def returns_what_cannot_be_copied(self, text: str) -> Any:
        folder = modelport.current_job().checkpoint_dir / "saved"
        folder.mkdir()
        os.mkfifo(folder / "pipe")
        return folder

    def returns_a_pipe(self, text: str) -> Any:
        pipe = modelport.current_job().checkpoint_dir / "pipe"
        os.mkfifo(pipe)
        return str(pipe)

    def keeps_half_a_folder(self, text: str) -> Any:
        """Once what cannot be copied is in the way, twice without it, and once more into what is there."""
        job = modelport.current_job()
        folder = job.checkpoint_dir / "report"
        folder.mkdir()
        for name in ("a", "b", "y", "z"):
            (folder / name).write_text("first")
        os.mkfifo(folder / "m")
        seen = [self._kept(folder)]
        (folder / "m").unlink()
        seen.append(self._kept(folder))
        for name in ("a", "z"):
            (folder / name).write_text("second")
        (folder / "b").unlink()
        os.mkfifo(folder / "m")
        seen.append(self._kept(folder))
        (folder / "m").unlink()
        seen.append(self._kept(folder))
        left = job.checkpoint_dir.parent / "artifacts" / ".of a killed one.partial"
        left.mkdir()
        (left / "file").write_text("half")
        return seen

    def leaves_halves(self, text: str) -> Any:
        """What a job that is killed while it keeps files and folders leaves behind."""
        kept = modelport.current_job().checkpoint_dir.parent / "artifacts"
        (kept / "model" / ".folder.partial").mkdir(parents=True)
        for half in ("model/.folder.partial/file", "model/.pickled.partial", ".file.partial"):
            (kept / half).write_text("half")
        return str(kept)

    def keeps_a_device(self, text: str) -> Any:
        return self._kept(Path("/dev/zero"))

    def _kept(self, folder: Path) -> Any:
        job = modelport.current_job()
        try:
            job.artifact(folder)
            said = "kept"
        except OSError:
            said = "refused"
        kept = job.checkpoint_dir.parent / "artifacts"
        files = [path for path in kept.rglob("*") if path.is_file()]
        return [said, {str(path.relative_to(kept)): path.read_text() for path in files}]
