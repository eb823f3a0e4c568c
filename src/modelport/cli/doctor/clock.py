"""The clock of this machine: is it set, does it jump, and which time zone has it?"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from modelport.cli.doctor.seen import Seen

SUBJECT = "clock"
OLDEST = datetime(2025, 1, 1, tzinfo=UTC)  # before this version
LOOK_SECONDS = 0.1
NOT_SET = 5  # what adjtimex() returns for a clock that nothing sets (adjtimex(2), TIME_ERROR)
TIMEX_BYTES = 1024  # more than struct timex has anywhere
ZONES = Path("/usr/share/zoneinfo")


def seen_of_clock() -> Iterator[Seen]:
    """What there is to say of it."""
    now = datetime.now(UTC)
    if now < OLDEST:
        yield Seen(
            SUBJECT, "error", f"it is set to {now:%Y-%m-%d}", "set it: certificates and keys end by it"
        )
        return
    wall, steady = time.time(), time.monotonic()
    time.sleep(LOOK_SECONDS)
    jumped = (time.time() - wall) - (time.monotonic() - steady)
    if abs(jumped) > LOOK_SECONDS / 2:
        yield Seen(
            SUBJECT, "warning", f"it went {jumped:+.2f} s while {LOOK_SECONDS} s passed",
            "have it slewed by NTP, not set by steps",
        )  # fmt: skip
    if _is_unset():
        yield Seen(
            SUBJECT, "note", "the system says that nothing sets it",
            "run chrony, ntpd or systemd-timesyncd on the machine, unless its host sets it",
        )  # fmt: skip
    yield from _seen_of_zone()


def _is_unset() -> bool:
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    return adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)) == NOT_SET


def _seen_of_zone() -> Iterator[Seen]:
    zone = os.environ.get("TZ", "")
    name = zone.removeprefix(":")
    if "/" in name and ZONES.is_dir() and not (ZONES / name).exists():
        yield Seen(
            SUBJECT, "warning", f"the variable TZ names the time zone {name!r}, which is not there",
            "install tzdata, or correct TZ: the log is in UTC until then",
        )  # fmt: skip
    else:
        yield Seen(SUBJECT, "ok", f"it is {datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z (UTC%z)}")
