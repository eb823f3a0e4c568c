"""The names of the variables of the environment that are no settings, and how those of settings begin."""

from __future__ import annotations

PREFIX = "MODELPORT_"
CONFIG = f"{PREFIX}CONFIG"  # a file of settings
MODEL_VARIABLE = f"{PREFIX}MODEL"  # settings of single models
OF_WORKERS = ("TMPDIR", "PYTHONUNBUFFERED")  # each worker has its own
KEY = f"{PREFIX}KEY"  # what clients say who they are with
CA_FILE = f"{PREFIX}CA_FILE"  # the authorities whose servers clients trust
CLIENT_CERT = f"{PREFIX}CLIENT_CERT"  # and by which certificate servers know them,
CLIENT_KEY = f"{PREFIX}CLIENT_KEY"  # with its key, unless that is in the same file
WORKER_MARK = f"{PREFIX}WORKER"  # every descendant of a worker has inherited it
