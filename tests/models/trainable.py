"""Models with long work, for tests of jobs."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal

import modelport


class Trainable(modelport.Model):
    """Trains in every way that a test needs."""

    def predict(self, number: int = 0, seconds: float = 0.0, mark: str = "") -> dict[str, Any]:
        if mark:
            with Path(mark).open("a") as file:
                file.write(f"{number} {modelport.current_job().attempt}\n")
        time.sleep(seconds)
        return {"number": number, "attempt": modelport.current_job().attempt}

    def train(
        self,
        epochs: int = 3,
        seconds: float = 0.0,
        mode: Literal["ok", "error", "http", "exit", "deaf", "busy", "polite", "sleep", "nan"] = "ok",
        started: str = "",
        table: modelport.File | None = None,
    ) -> dict[str, Any]:
        job = modelport.current_job()
        if mode == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if started:
            Path(started).touch()
        for epoch in range(epochs):
            time.sleep(seconds)
            print(f"epoch {epoch}")
            print(f"warning {epoch}", file=sys.stderr)
            job.log_metrics({"loss": 1 / (epoch + 1), "accuracy": epoch / epochs}, step=epoch)
            job.progress(epoch + 1, epochs, "training")
            (job.checkpoint_dir / "epoch").write_text(str(epoch))
        if mode == "error":
            raise ValueError("the loss is not a number")
        if mode == "http":
            raise modelport.HTTPError(409, "no such data set")
        if mode == "exit":
            os._exit(3)
        while mode in ("deaf", "sleep"):
            time.sleep(60)
        while mode == "busy":
            pass
        while mode == "polite" and not job.cancelled:
            time.sleep(0.01)
        if job.id:
            notes = job.checkpoint_dir / "notes.txt"
            notes.write_text("what came out")
            job.artifact(notes)
        size = table.path.stat().st_size if table is not None else 0
        return {
            "epochs": epochs,
            "attempt": job.attempt,
            "size": size,
            "loss": float("nan") if mode == "nan" else 0.5,
        }

    def validate(self, rows: int = 10) -> dict[str, Any]:
        modelport.current_job().log_metric("accuracy", 0.9)
        return {"rows": rows, "accuracy": 0.9}


class Resumable(Trainable):
    """Goes on from its checkpoint."""

    resumable = True

    def train(self, epochs: int = 3, started: str = "") -> dict[str, Any]:
        job = modelport.current_job()
        place = job.checkpoint_dir / "next"
        first = int(place.read_text()) if place.exists() else 0
        for epoch in range(first, epochs):
            print(f"epoch {epoch} of attempt {job.attempt}")
            place.write_text(str(epoch + 1))
            if started and job.attempt == 1 and epoch == 1:
                Path(started).touch()
                time.sleep(600)
        return {"attempt": job.attempt, "first": first}


class Works(modelport.Model):
    """Does the piece of work that `do` names; `text` and `number` say more."""

    def predict(self, do: str = "echo", text: str = "", number: int = 0) -> Any:
        return getattr(self, do)(text, number)

    def train(
        self, do: str = "echo", text: str = "", number: int = 0, table: modelport.File | None = None
    ) -> Any:
        if table is not None:
            text = f"{table.filename}: {table.read().decode()}"
        return getattr(self, do)(text, number)

    # -- results -----------------------------------------------------------------------------------

    def echo(self, text: str, number: int) -> Any:
        return {"text": text, "number": number, "attempt": modelport.current_job().attempt}

    def large(self, text: str, number: int) -> Any:
        return {"text": "x" * number}

    def fail(self, text: str, number: int) -> Any:
        raise ValueError(text)

    def refuse(self, text: str, number: int) -> Any:
        raise modelport.HTTPError(number, text)

    def refuse_in_other_words(self, text: str, number: int) -> Any:
        """As `text` says: with what this and other frameworks have for it."""
        if text == "aiohttp":
            from aiohttp import web

            raise web.HTTPConflict(reason="Not Now", text="somebody else trains", headers={"X-Who": "ann"})
        if text == "werkzeug":
            from werkzeug.exceptions import TooManyRequests

            raise TooManyRequests("slower", retry_after=7)
        if text == "starlette":
            from starlette.exceptions import HTTPException

            raise HTTPException(503, "resting", {"Retry-After": "8"})
        headers = {"Retry-After": "9", "Set-Cookie": "a=b", "Content-Length": "1"}
        raise modelport.HTTPError(429, "Slow Down", headers=headers)

    def nothing_that_json_has(self, text: str, number: int) -> Any:
        return object()

    # -- where it is, and waiting ------------------------------------------------------------------

    def note(self, text: str, number: int) -> Any:
        """Append number and attempt to the file `text`."""
        with Path(text).open("a") as file:
            file.write(f"{number} {modelport.current_job().attempt}\n")
        return number

    def wait(self, text: str, number: int) -> Any:
        """Say that this runs to who listens on the port `number`, and go on when it answers."""
        job = modelport.current_job()
        with socket.create_connection(("127.0.0.1", number)) as gate:
            gate.sendall(f"{os.getpid()} {job.attempt} {text}\n".encode())
            gate.recv(1)
        print("released")
        return {"text": text, "attempt": job.attempt}

    def wait_for_large(self, text: str, number: int) -> Any:
        """As `wait`; then a result of `text` characters."""
        self.wait(text, number)
        return self.large("", int(text))

    def wait_with_children(self, text: str, number: int) -> Any:
        """As `wait`, with a child in the same group and one that has left it."""
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
        return self.wait(" ".join(str(child.pid) for child in children), number)

    def shot(self, text: str, number: int) -> Any:
        """Note the attempt in the file `text`, then die of the signal `number`."""
        self.note(text, 0)
        print("about to die", flush=True)
        os.kill(os.getpid(), number)
        threading.Event().wait()

    # -- what is said ------------------------------------------------------------------------------

    def say(self, text: str, number: int) -> Any:
        """Every way to write a line."""
        print("printed", "in", "pieces")
        print("to stderr", file=sys.stderr)
        logging.getLogger("training").warning("logged")
        for percent in (10, 50, 100):
            sys.stdout.write(f"\rloading {percent} %")
        print()
        print("colour \x1b[31mred\x1b[0m and a bell \x07")
        sys.stdout.flush()
        os.write(1, b"not UTF-8: \xff\xfe\n")
        subprocess.run([sys.executable, "-c", "print('a child speaks')"], check=True)
        print("x" * 10_000)
        print("\n\ntwo empty lines stand above, one below\n\r")
        print("the last has no end", end="")
        return None

    def threads(self, text: str, number: int) -> Any:
        """Eight threads that print, log and report at once."""
        job = modelport.current_job()

        def work(name: int) -> None:
            for line in range(number):
                print(f"thread {name} prints", f"line {line}")
                logging.getLogger().warning("thread %d logs line %d", name, line)
                job.log_metric(f"thread {name}", line, step=line)
                job.progress(line, number)

        running = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for one in running:
            one.start()
        for one in running:
            one.join()
        return None

    def flood(self, text: str, number: int) -> Any:
        """As many lines as can be written."""
        for start in range(0, number, 1000):
            sys.stdout.write("".join(f"line {line}\n" for line in range(start, start + 1000)))
        return None

    def long_lines(self, text: str, number: int) -> Any:
        """So many lines of 4,000 characters."""
        for line in range(number):
            print(f"line {line} ".ljust(4000, "x"))
        return None

    def endless_line(self, text: str, number: int) -> Any:
        """So many megabytes without an end of line: no text, what a terminal obeys, what looks like ours."""
        block = (b"\xff\x1b[2J\0" + b'{"type": "state", "data": {"state": "failed"}} data: x ') * 18_000
        for _ in range(number):
            os.write(1, block)
        os.write(1, b"\nthe last line\n")
        return None

    def leaves_children(self, text: str, number: int) -> Any:
        """Leave a child, one in a session of its own and a daemon, which hold stdout; end as `text`."""
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
        forked = os.fork()
        if not forked:
            os.setsid()
            daemon = os.fork()
            if daemon:
                os._exit(0)
            os.execv(sys.executable, sleep)
        os.waitpid(forked, 0)
        self.wait(" ".join(str(child.pid) for child in children), number)
        if text == "raise":
            raise ValueError("with children")
        if text == "exit":
            os._exit(7)
        if text == "exit in a thread":
            threading.Thread(target=os._exit, args=(7,)).start()
            threading.Event().wait()
        if text == "close all":
            os.closerange(0, 1024)
        return "left them"

    def lines(self, text: str, number: int) -> Any:
        """So many lines, a thousand a second, once it was let go."""
        self.wait(text, int(text))
        for line in range(number):
            print(f"line {line}")
            time.sleep(0.001)
        return None

    def lines_and_metrics(self, text: str, number: int) -> Any:
        """A line before each metric."""
        job = modelport.current_job()
        for step in range(number):
            print(f"before {step}")
            job.log_metric("step", step, step=step)
            time.sleep(0.001)
        return None

    def progress(self, text: str, number: int) -> Any:
        """Progress faster than anybody could look, and a wait in the middle."""
        job = modelport.current_job()
        for done in range(500):
            job.progress(done, 1000, "first half")
        self.wait(text, number)
        for done in range(500, 990):
            job.progress(done, 1000, "second half")
        return None

    def bars(self, text: str, number: int) -> Any:
        """Bars of tqdm, one in another, and lines between."""
        from tqdm import tqdm, trange

        for epoch in trange(3, desc="epochs"):
            for _ in tqdm(range(5), desc="batches", leave=False):
                time.sleep(0.03)
            tqdm.write(f"epoch {epoch} is over")
            print(f"and epoch {epoch} is printed")
        return None

    def shy_bar(self, text: str, number: int) -> Any:
        """A bar that wants to be seen on terminals only, and one that never wants to."""
        from tqdm import tqdm

        for _ in tqdm(range(4), desc="shy", disable=None):
            time.sleep(0.03)
        for _ in tqdm(range(7), desc="never", disable=True):
            pass
        return None

    def metrics(self, text: str, number: int) -> Any:
        job = modelport.current_job()
        for step, value in enumerate((0.5, float("nan"), float("inf"), 0.25)):
            job.log_metric("loss", value, step=step)
        job.log_metrics({'accuracy, "top 5"': 1})
        return None

    def many_metrics(self, text: str, number: int) -> Any:
        """A thousand, each of 20 kB, once it was let go; the file `text` says how many."""
        job = modelport.current_job()
        self.wait("", number)
        with Path(text).open("wb", buffering=0) as counted:
            for step in range(1000):
                job.log_metric("x" * 20_000, step, step=step)
                counted.write(b".")
        return None

    def artifacts(self, text: str, number: int) -> Any:
        """A file, a file of the same name again, a folder with folders, and names that lead away."""
        job = modelport.current_job()
        folder = job.checkpoint_dir / "report"
        (folder / "plots" / "deep").mkdir(parents=True)
        (folder / "index.html").write_text("<script>alert(1)</script>")
        (folder / "plots" / "deep" / "a b é.txt").write_text("deep")
        job.artifact(folder)
        for content in ("first", "second"):
            (job.checkpoint_dir / "model.bin").write_text(content)
            job.artifact(job.checkpoint_dir / "model.bin")
        job.artifact(job.checkpoint_dir / "model.bin", "versions/1.partial")
        refused: list[str] = []
        for name in ("../escaped", "/escaped", "a/../../escaped", ".", "a\0b"):
            try:
                job.artifact(job.checkpoint_dir / "model.bin", name)
            except ValueError:
                refused.append(name)
        secret = job.checkpoint_dir / "secret"
        secret.write_text("secret")
        (folder.parent.parent / "artifacts" / "link").symlink_to(secret)
        return refused

    def fill(self, text: str, number: int) -> Any:
        """Write to the disk until it is full."""
        with (modelport.current_job().checkpoint_dir / "large").open("wb") as file:
            while True:
                file.write(b"x" * 65536)

    def fill_and_print(self, text: str, number: int) -> Any:
        """The same; before it fails it prints what does not fit any more, and waits as `wait`."""
        try:
            self.fill(text, number)
        except OSError:
            self.long_lines("", 500)
            self.wait(text, number)
            raise


class SlowToLoad(Works):
    """As `Works`; while the file that `HOLD` names is there, a process comes no further than loading."""

    def __init__(self) -> None:
        hold = Path(os.environ["HOLD"])
        if hold.exists():
            hold.with_suffix(".reached").touch()
            print("loading", flush=True)
            time.sleep(600)


class WorksAgain(Works):
    """The same, and may be run again after a crash."""

    resumable = True


class Draws(modelport.Model):
    """A picture: a text under `text/plain`, bytes under everything else."""

    def predict(self, width: int = 2) -> modelport.Image:
        from PIL import Image as pillow

        path = modelport.current_job().checkpoint_dir / "picture.png"
        pillow.new("L", (width, 1)).save(path)
        return modelport.Image(path, "drawn.png", "image/png")
