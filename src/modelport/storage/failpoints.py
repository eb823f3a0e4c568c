"""Places at which a test makes the server die by kill -9, between any two steps.

`MODELPORT_FAILPOINT=submit.after_insert:kill@3` kills the process with SIGKILL at the third time it comes to
that place. Without the variable a place costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "MODELPORT_FAILPOINT"

# Those of the store; a test kills a server at each.
STORE = frozenset(
    {
        "submit.before_insert",
        "submit.after_insert",
        "claim.before",
        "claim.after",
        "append.after",
        "finish.before",
        "finish.after",
        "rescue.after",
        "prune.before",
        "prune.after",
        "commit.before",
        "commit.after",
        "migrate.before",
        "migrate.after",
    }
)
# Those of the server around it: the reply to a submission, a job's process, its files, webhooks.
SERVER = frozenset(
    {
        "reply.before",
        "spawn.before",
        "spawn.after",
        "order.sent",
        "result.written",
        "result.synced",
        "end.stored",
        "inputs.removed",
        "webhook.before_send",
        "webhook.answered",
        "prune.stored",
        "prune.removed",
    }
)
# Those of a version that becomes live.
PROMOTION = frozenset({"promotion.checked", "promotion.stored", "promotion.swapped"})
# Those of files that other servers are to have.
FILES = frozenset({"files.kept"})
NAMES = STORE | SERVER | PROMOTION | FILES


def parse(text: str) -> tuple[str, int]:
    """Name and number of hits of `name:kill@n`. Raises `ValueError` with what is wrong."""
    name, _, rest = text.partition(":")
    action, _, count = rest.partition("@")
    if name not in NAMES:
        raise ValueError(
            f"{VARIABLE}={text!r}: no place is called {name!r}; there are {', '.join(sorted(NAMES))}"
        )
    if action != "kill" or not (count or "1").isdigit() or int(count or "1") < 1:
        raise ValueError(f"{VARIABLE}={text!r}: expected name:kill@n, with n of at least 1")
    return name, int(count or "1")


_asked = os.environ.get(VARIABLE, "")
_name, _at = parse(_asked) if _asked else ("", 0)
_hits: Counter[str] = Counter()


def reach(name: str) -> None:
    """Say that the process has come to the place `name`; it may not survive that."""
    if not _name:
        return
    _hits[name] += 1
    if name == _name and _hits[name] == _at:
        os.kill(os.getpid(), signal.SIGKILL)
