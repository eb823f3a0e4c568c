"""Models for tests of predictions that are jobs, which run one after the other in the same process."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import modelport

LOADED = time.time()


def wait_at(gate: int) -> None:
    """Say that this runs to who listens on the port `gate`, and go on when it answers."""
    with socket.create_connection(("127.0.0.1", gate)) as sock:
        sock.sendall(f"{os.getpid()} {modelport.current_job().attempt} here\n".encode())
        sock.recv(1)


def umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


class Warm(modelport.Model):
    """Tells what it finds around it, and does what `do` names."""

    def __init__(self) -> None:
        print("this is loaded")
        self.jobs = 0

    def predict(self, do: str = "", gate: int = 0) -> dict[str, Any]:
        self.jobs += 1
        found = {
            "pid": os.getpid(),
            "jobs": self.jobs,
            "loaded": LOADED,
            "id": modelport.current_job().id,
            "folder": str(Path.cwd()),
            "variable": os.environ.get("LEFT_BY_A_JOB"),
            "handler": signal.getsignal(signal.SIGTERM) is signal.SIG_IGN,
            "status": subprocess.run(["false"], check=False).returncode,
            "hour": time.localtime(0).tm_hour,
            "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "timer": signal.getitimer(signal.ITIMER_REAL),
            "umask": umask(),
        }
        if do:
            getattr(self, do)(gate)
        return found

    def wait(self, gate: int) -> None:
        wait_at(gate)

    def move(self, gate: int) -> None:
        """Leave as much as a job can."""
        os.environ["LEFT_BY_A_JOB"] = "yes"
        del os.environ["PATH"]
        os.chdir("/")
        os.umask(0)
        os.environ["TZ"] = "XXX-9"
        time.tzset()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
        signal.setitimer(signal.ITIMER_REAL, 600)
        print("without an end", end="")
        sys.stdout = sys.stderr

    def speak(self, gate: int) -> None:
        print("a line")
        os.write(1, b"past Python")

    def silence(self, gate: int) -> None:
        """Leave the next without its outputs: one is closed, the other leads elsewhere."""
        os.close(1)
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)

    def wrap(self, gate: int) -> None:
        """Write by a stream of its own, with which the output below it is closed."""
        own = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
        own.write("a line of its own\n")
        own.close()

    def detach(self, gate: int) -> None:
        sys.stderr.detach()  # type: ignore[union-attr]

    def bars(self, gate: int) -> None:
        """Bars, of which one is never closed."""
        from tqdm import tqdm

        open_bar = tqdm(total=10, desc="open")
        open_bar.update(1)
        self.kept = open_bar
        for _ in tqdm(range(3), desc=f"bar of {self.jobs}"):
            time.sleep(0.03)

    def thread(self, gate: int) -> None:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

    def executor(self, gate: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.pool = ThreadPoolExecutor(2)
        self.pool.submit(print, "in a thread").result()

    def child(self, gate: int) -> None:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

    def daemon(self, gate: int) -> None:
        """Leave a process that has left this one."""
        code = (
            "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
        )
        subprocess.run([sys.executable, "-c", code], check=True, start_new_session=True)

    def polite(self, gate: int) -> None:
        job = modelport.current_job()
        wait_at(gate)
        while not job.cancelled:
            time.sleep(0.01)

    def keep(self, gate: int) -> None:
        job = modelport.current_job()
        (job.checkpoint_dir / "notes").write_text(job.id)
        job.artifact(job.checkpoint_dir / "notes")
        self.before = job

    def keep_late(self, gate: int) -> None:
        """Keep a file with the job that came before."""
        self.before.artifact(__file__, "late")


class Many(modelport.Model):
    """Takes several calls at once, and says how many."""

    max_batch_size = 8

    def predict(self, do: str = "", number: int = 0, gate: int = 0) -> dict[str, Any]:
        return self.predict_batch([{"do": do, "number": number, "gate": gate}])[0]

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for call in calls:
            print(f"number {call['number']}")
            if call["do"] == "wait":
                wait_at(call["gate"])
            elif call["do"] == "fail":
                raise ValueError(f"number {call['number']} is no good")
            elif call["do"] == "die":
                os._exit(9)
        return [{"number": call["number"], "together": len(calls), "pid": os.getpid()} for call in calls]


class Big(modelport.Model):
    """Answers with so many characters."""

    def predict(self, size: int) -> dict[str, Any]:
        return {"text": "x" * size, "pid": os.getpid()}
