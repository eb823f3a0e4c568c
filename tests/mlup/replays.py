"""What mlup 0.4 was seen to answer, sent to a server of ours and judged.

`match` says how ours must agree with the recorded answer: `exact`, in status, media type and body, where an
id that is random is the same in header and body; `status`, in that alone; `better`, as `expect` says.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx

# mlup's page and its server differ: the page says `status_code`. Ours has both keys.
BOTH_KEYS = ({"status": 200}, {"status": 200, "status_code": 200})


class Replay:
    """One server's exchanges, in order."""

    def __init__(self, client: httpx.Client):
        self._client = client
        self._predict_id = ""

    def send(self, request: dict[str, Any]) -> httpx.Response:
        """Our answer to a recorded request."""
        time.sleep(request.get("wait", 0))
        sent = {key: request[key] for key in ("json", "content", "headers") if key in request}
        path = request["path"].replace("{predict_id}", self._predict_id)
        answer = self._client.request(request["method"], path, **sent)
        if request["path"] == "/predict" and answer.status_code == 200:
            self._predict_id = answer.headers["x-predict-id"]
        return answer

    def judge(self, exchange: dict[str, Any]) -> None:
        """Fail unless our answer to an exchange agrees with the recorded one."""
        answer = self.send(exchange["request"])
        recorded = exchange["response"]
        if exchange["match"] == "better":
            _judge_better(answer, exchange["expect"])
        elif exchange["request"]["path"] == "/health/":
            assert answer.status_code == 200  # not 307: slashes never redirect
        elif exchange["request"]["path"] == "/" or exchange["match"] == "status":
            assert answer.status_code == recorded["status"], answer.text
        else:
            _judge_exact(answer, recorded)
        if exchange["request"]["path"] == "/predict":
            assert uuid.UUID(answer.headers["x-predict-id"]).version == 4


def _judge_exact(answer: httpx.Response, recorded: dict[str, Any]) -> None:
    assert answer.status_code == recorded["status"], answer.text
    assert answer.headers["content-type"].partition(";")[0] == recorded["headers"]["content-type"]
    if "json" not in recorded:
        assert answer.text == recorded["text"]
        return
    ours, theirs = answer.json(), recorded["json"]
    if theirs == BOTH_KEYS[0]:
        assert ours == BOTH_KEYS[1]
        return
    if isinstance(theirs, dict) and is_random(theirs.get("predict_id")):
        assert ours.pop("predict_id") == answer.headers["x-predict-id"]
        theirs = {key: value for key, value in theirs.items() if key != "predict_id"}
    if "web_app_config" in theirs:  # the address is where the test wanted it
        for body in (ours, theirs):
            body["web_app_config"] = body["web_app_config"] | {"host": "", "port": 0}
    assert ours == theirs


def is_random(value: Any) -> bool:
    """True for an id that mlup made."""
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def _judge_better(answer: httpx.Response, expect: dict[str, Any]) -> None:
    assert answer.status_code == expect["status"], answer.text
    if "json" in expect:
        assert answer.json() == expect["json"]
    for place in expect.get("json_has_keys", []):
        value = answer.json()
        for key in place.split("."):
            value = value[key]
        assert value
