"""Folders for uploads: private, gone afterwards, and those of killed servers swept."""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from modelport.engine.after_death import kill_left
from modelport.engine.spool import Spool, sweep


def test_a_spool_is_private_and_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "made"))
    spool.open()
    assert stat.S_IMODE(spool.root.stat().st_mode) == 0o700
    folder = spool.folder_of(17)
    assert folder.parent == spool.root
    assert not folder.exists()
    folder.mkdir()
    (folder / "body").write_bytes(b"x")
    spool.remove(folder)
    spool.remove(folder)
    assert list(spool.root.iterdir()) == []
    folder.mkdir()
    spool.close()
    spool.close()
    assert list(spool.parent.iterdir()) == []


def test_two_engines_of_one_process_have_folders_of_their_own(tmp_path: Path) -> None:
    spools = [Spool(str(tmp_path)), Spool(str(tmp_path))]
    for spool in spools:
        spool.open()
    spools[0].close()
    assert list(tmp_path.iterdir()) == [spools[1].root]
    spools[1].close()


def test_calls_have_different_folders(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    assert len({spool.folder_of(number) for number in range(1000)}) == 1000


HOLD = """
import sys
from pathlib import Path
from modelport.engine.spool import Spool
spool = Spool(sys.argv[1])
spool.root = Path(sys.argv[2])
spool.open()
print("open", flush=True)
sys.stdin.readline()
"""


def test_a_folder_that_another_container_uses_is_not_swept(tmp_path: Path) -> None:
    """There the numbers of processes are others: what this one sees under the number is not the owner."""
    theirs = tmp_path / "modelport-4194303-5"
    command = [sys.executable, "-c", HOLD, str(tmp_path / "own"), str(theirs)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"open\n"
    sweep(tmp_path)
    assert theirs.is_dir()
    holder.kill()
    holder.communicate()
    sweep(tmp_path)
    assert not theirs.exists()


def test_folders_of_servers_that_are_gone_are_swept_and_no_others(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead = tmp_path / f"modelport-{ended.pid}-12345"
    reused = tmp_path / f"modelport-{os.getpid()}-1"  # this process number, another start time
    target = tmp_path / "elsewhere"
    others = [tmp_path / name for name in ("modelport-notes-1", "modelport-1", "other-1-1")]
    for folder in (dead, reused, target, *others):
        folder.mkdir()
        (folder / "file").write_bytes(b"x")
    link = tmp_path / f"modelport-{ended.pid}-99"
    link.symlink_to(target)
    file = tmp_path / f"modelport-{ended.pid}-98"
    file.write_bytes(b"x")
    alive = Spool(str(tmp_path))
    alive.open()
    (alive.root / "kept").write_bytes(b"x")
    Spool(str(tmp_path)).open()
    assert not dead.exists()
    assert not reused.exists()
    assert (alive.root / "kept").exists()
    assert link.is_symlink()
    assert file.exists()
    assert all((folder / "file").exists() for folder in (target, *others))
    alive.close()


def test_servers_that_end_meanwhile_hold_up_no_sweep(tmp_path: Path) -> None:
    name = Spool(str(tmp_path)).root.name[:-8]
    ended = threading.Event()

    def come_and_go(server: int) -> None:
        for number in itertools.count():
            folder = tmp_path / f"{name}{server:02x}{number & 0xFFFFFF:06x}"
            folder.mkdir()
            folder.rmdir()
            if ended.is_set():
                return

    servers = [threading.Thread(target=come_and_go, args=(server,)) for server in range(4)]
    for server in servers:
        server.start()
    try:
        for _ in range(20_000):
            sweep(tmp_path)
    finally:
        ended.set()
        for server in servers:
            server.join()


def test_what_a_killed_server_left_may_be_removed_by_another_process_meanwhile(tmp_path: Path) -> None:
    """The next start looks at it while the process that watched over the server removes it."""
    with ThreadPoolExecutor(1) as other:
        for attempt in range(5):
            root = tmp_path / str(attempt)
            for number in range(200):
                (root / f"{number:x}" / "a" / "b").mkdir(parents=True)
            removed = other.submit(shutil.rmtree, root, ignore_errors=True)
            kill_left(root)
            removed.result()
            assert not root.exists()
