"""Who may ask: do the settings fit together, and is the door as open as it was meant to be?"""

from __future__ import annotations

from collections.abc import Iterator

from modelport.cli.doctor.seen import Seen
from modelport.security.hosts import is_own_machine
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.groups.access import Auth
from modelport.settings.together import check_together

SUBJECT = "access"


def seen_of_access(settings: Settings) -> Iterator[Seen]:
    """What there is to say of it."""
    try:
        check_together(settings)
    except SettingsError as error:
        yield Seen(SUBJECT, "error", str(error), "correct the settings; the server does not start so")
    is_here = settings.uds is not None or is_own_machine(settings.host)
    place = settings.uds or settings.host
    if settings.auth == Auth.ON:
        yield Seen(SUBJECT, "ok", "who asks needs a key, a log-in, or what else the settings take")
        if not is_here and settings.tls_cert is None:
            yield Seen(
                SUBJECT, "warning", f"{settings.host} is reached by others, and keys go there in the clear",
                "give tls_cert and tls_key, or put a proxy that speaks TLS before it",
            )  # fmt: skip
    elif is_here:
        yield Seen(SUBJECT, "ok", f"{place}: whoever is on this machine may use it")
    elif settings.auth == Auth.OFF:
        yield Seen(
            SUBJECT, "warning", f"{settings.host} is reached by others, who may predict, train and cancel",
            "set auth on, or keep the port to a network that you trust",
        )  # fmt: skip
    else:
        yield Seen(
            SUBJECT, "error", f"{settings.host} is reached by others, and nobody has said who may ask",
            "set auth on (or off): the server does not start so",
        )  # fmt: skip
