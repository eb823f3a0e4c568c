"""What a receiver believes, and the secret behind it."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from modelport.jobs.webhook_secret import FILE_NAME, webhook_secret
from modelport.webhooks import WebhookError, keys_of, sign, verify

# The example of the Standard Webhooks libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
NOW = 1614265330
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": SIGNATURE,
}


def test_the_signature_is_that_of_the_standard() -> None:
    assert sign(keys_of(SECRET), HEADERS["webhook-id"], NOW, BODY) == SIGNATURE
    assert verify(SECRET, HEADERS, BODY, now=NOW) == {"test": 2432232314}


@pytest.mark.parametrize(
    "headers",
    [
        {name.title(): value for name, value in HEADERS.items()},
        HEADERS | {"webhook-signature": f"v1,AAAA v1a,BBBB {SIGNATURE}"},
        HEADERS | {"X-Other": "x"},
    ],
)
def test_a_genuine_message_is_believed(headers: dict[str, str]) -> None:
    for now in (NOW - 300, NOW + 300):
        assert verify(SECRET, headers, BODY, now=now) == {"test": 2432232314}
    assert verify(f"whsec_{'A' * 32} {SECRET}", headers, BODY, now=NOW) == {"test": 2432232314}


@pytest.mark.parametrize(
    ("changes", "body", "now", "why"),
    [
        ({}, BODY + b" ", NOW, "no signature matches"),
        ({"webhook-id": "msg_other"}, BODY, NOW, "no signature matches"),
        ({"webhook-timestamp": str(NOW + 1)}, BODY, NOW, "no signature matches"),
        ({"webhook-signature": SIGNATURE.replace("v1", "v2")}, BODY, NOW, "no signature matches"),
        ({"webhook-signature": SIGNATURE[3:]}, BODY, NOW, "no signature matches"),
        ({"webhook-signature": "v1,é"}, BODY, NOW, "no signature matches"),
        ({}, BODY, NOW + 301, "more than 300 s"),
        ({}, BODY, NOW - 301, "more than 300 s"),
        ({"webhook-timestamp": "-5"}, BODY, NOW, "no number"),
        ({"webhook-timestamp": "١٢"}, BODY, NOW, "no number"),
        ({"webhook-timestamp": 40 * "9"}, BODY, NOW, "no number"),
        ({"webhook-id": ""}, BODY, NOW, "missing"),
        ({"webhook-timestamp": ""}, BODY, NOW, "missing"),
        ({"webhook-signature": ""}, BODY, NOW, "missing"),
        ({"webhook-signature": " "}, BODY, NOW, "no signature matches"),
    ],
)
def test_any_other_message_is_not(changes: dict[str, str], body: bytes, now: int, why: str) -> None:
    with pytest.raises(WebhookError, match=why):
        verify(SECRET, HEADERS | changes, body, now=now)


def test_a_message_of_another_secret_is_not_believed() -> None:
    with pytest.raises(WebhookError, match="another secret"):
        verify("whsec_" + "A" * 32, HEADERS, BODY, now=NOW)


@pytest.mark.parametrize("body", [b"no json", b"[]", b"\xff"])
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    headers = HEADERS | {"webhook-signature": sign(keys_of(SECRET), HEADERS["webhook-id"], NOW, body)}
    with pytest.raises(WebhookError, match="JSON"):
        verify(SECRET, headers, body, now=NOW)


def test_without_a_time_the_systems_counts() -> None:
    with pytest.raises(WebhookError, match="away from this clock"):
        verify(SECRET, HEADERS, BODY)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("whsec_", "holds 0 bytes"),
        ("whsec_c2hvcnQ=", "holds 5 bytes"),
        ("whsec_" + "A" * 88, "holds 66 bytes"),
        ("whsec_not base64", "is not whsec_"),
        ("whsec_ü", "is not whsec_"),
    ],
)
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        keys_of(secret)
    assert "not base64" not in str(caught.value)
    assert "c2hvcnQ" not in str(caught.value)


def test_a_receiver_needs_nothing_but_python() -> None:
    script = "import sys; import modelport.webhooks; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "modelport.webhooks" in loaded
    assert loaded & {"msgspec", "anyio", "httpcore", "sqlalchemy", "starlette"} == set()


# --- the secret --------------------------------------------------------------------------------------


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    secret = webhook_secret(None, tmp_path)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert webhook_secret("", tmp_path) == secret
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]  # nothing half-made is left


def test_two_data_folders_have_two_secrets(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    assert webhook_secret(None, tmp_path / "a") != webhook_secret(None, tmp_path / "b")


def test_servers_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    servers = 16
    start = Barrier(servers)

    def first_start(_: int) -> str:
        start.wait(30)
        return webhook_secret(None, tmp_path)

    with ThreadPoolExecutor(servers) as threads:
        assert len(set(threads.map(first_start, range(servers)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_the_setting_counts_more_and_makes_no_file(tmp_path: Path) -> None:
    assert webhook_secret(SECRET, tmp_path) == SECRET
    assert list(tmp_path.iterdir()) == []


def test_a_bad_secret_says_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the setting webhook_secret: .* is not whsec_"):
        webhook_secret("hunter2!", tmp_path)
    (tmp_path / FILE_NAME).write_text("")
    with pytest.raises(ValueError, match=f"^the file .*{FILE_NAME}: .* is empty"):
        webhook_secret(None, tmp_path)


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        webhook_secret(None, tmp_path / "missing")
