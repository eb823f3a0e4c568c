"""What platforms that run containers say by variables that are not ours: at which port to listen.

Cloud Run, Knative, Heroku and their like choose a port, put it into `PORT`, and reach the server there from
without its own loopback, so it listens on every address then. Whether whoever comes so must say who they are
has to be said nevertheless (`api.listening`). What anybody has written, where it may be, comes before this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelport.settings.checking import checked_setting
from modelport.settings.settings import Settings

PORT = "PORT"
EVERY_ADDRESS = "0.0.0.0"
# Platforms whose own proxy stands beside the server, and comes by the loopback in the name of its client:
# Knative and Cloud Run (Knative's runtime contract), AWS Lambda with its web adapter.
WITH_PROXY_BESIDE = ("K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME")


def on_platform(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings, at the port that the platform says, if nobody has said where to listen.

    Raises `SettingsError` for a `PORT` that is no port.
    """
    port = environment.get(PORT, "").strip()
    if not port or "port" in settings.written or settings.uds is not None:
        return settings
    found: dict[str, Any] = {"port": checked_setting("port", port, PORT), "host": EVERY_ADDRESS}
    if any(environment.get(name) for name in WITH_PROXY_BESIDE):
        found["allow_hosts"] = ["*"]
    new = {name: value for name, value in found.items() if name not in settings.written}
    return replace(settings, **new, written={**dict.fromkeys(new, PORT), **settings.written})
