"""Models as tools: the SDK of the Model Context Protocol, in both of its generations, is the judge."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from serving import MODELS, ROOT, Server, serving, wait_until
from user_site import Site, client_of, serving_users

CLASSES = ("Adds", "Names", "Draws", "Packs", "Counts", "Waits", "Fails")
TOOLS = [f"{name.lower()}={MODELS / 'tools.py'}:{name}" for name in CLASSES]
ODD = [f"a_model={MODELS / 'tools.py'}:Names", f"a.model={MODELS / 'tools.py'}:Adds"]
GENERATIONS = ("2026-07-28", "legacy")
Talk = Callable[[Client], Awaitable[Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*TOOLS, *ODD, f"old={MODELS / 'upload_models.py'}:Uploads") as running:
        yield running


def talk(server: Server, what: Talk, mode: Any = "auto", **headers: str) -> Any:
    """What comes of talking to a server by the SDK's client."""

    async def talking() -> Any:
        async with httpx2.AsyncClient(headers=headers, timeout=30.0) as http:
            transport = streamable_http_client(f"{server.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                return await what(client)

    try:
        return asyncio.run(talking())
    except BaseExceptionGroup as group:
        raise leaf_of(group) from None


def leaf_of(error: BaseException) -> BaseException:
    """What is in groups of groups."""
    return leaf_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def call(server: Server, tool: str, arguments: dict[str, Any], **headers: str) -> Any:
    result = talk(server, lambda client: client.call_tool(tool, arguments), **headers)
    assert isinstance(result, CallToolResult)
    return result


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.parametrize("mode", GENERATIONS)
def test_each_model_is_a_tool_with_its_schemas(server: Server, mode: str) -> None:
    tools = {tool.name: tool for tool in talk(server, lambda client: client.list_tools(), mode).tools}
    assert set(tools) == {
        *(f"predict_{name.lower()}" for name in CLASSES), "predict_old", "train_adds", "predict_a_model",
        "predict_a_model_2", "train_a_model_2", "list_jobs", "job_status", "job_result", "cancel_job",
    }  # fmt: skip
    for tool in tools.values():
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["type"] == "object"
        if tool.output_schema is not None:
            jsonschema.Draft202012Validator.check_schema(tool.output_schema)
    adds = tools["predict_adds"]
    assert adds.description is not None
    assert "Adds two numbers." in adds.description
    assert adds.input_schema["required"] == ["a"]
    assert adds.input_schema["properties"]["b"]["description"] == "the other one"
    assert adds.annotations is not None
    assert adds.annotations.read_only_hint is True


@pytest.mark.parametrize("mode", GENERATIONS)
def test_answers_are_structured_and_fit_what_the_tool_says_it_gives(server: Server, mode: str) -> None:
    async def ask(client: Client) -> list[CallToolResult]:
        await client.list_tools()  # the client checks answers by the schemas from here on
        return [
            await client.call_tool("predict_adds", {"a": 1}),
            await client.call_tool("predict_names", {"n": 1}),
            await client.call_tool("predict_a_model_2", {"a": 1, "b": 2}),
        ]

    adds, listed, other = talk(server, ask, mode)
    assert adds.structured_content == {"total": 2.0, "words": ["plus"]}
    assert json.loads(adds.content[0].text) == adds.structured_content
    assert listed.structured_content == {"result": ["name 0"]}
    assert other.structured_content["total"] == 3.0


def test_pictures_and_files_come_as_such(server: Server) -> None:
    drawn = call(server, "predict_draws", {}).content[0]
    assert (drawn.type, drawn.mime_type) == ("image", "image/png")
    assert base64.b64decode(drawn.data).startswith(b"\x89PNG")
    sent = base64.b64encode(b"abc").decode()
    packed = call(server, "predict_packs", {"file": sent}).content[0]
    assert packed.type == "resource"
    assert base64.b64decode(packed.resource.blob) == b"cba"
    uri = f"data:text/plain;base64,{sent}"
    assert base64.b64decode(call(server, "predict_packs", {"file": uri}).content[0].resource.blob) == b"cba"
    large = call(server, "predict_packs", {"file": sent, "size": 9 << 20})
    assert large.is_error
    assert "the answer has more than 8388608 bytes" in large.content[0].text
    assert "POST /v2/models/packs/predict" in large.content[0].text


def test_files_reach_a_model_that_reads_them_of_forms_alone(server: Server) -> None:
    sent = base64.b64encode("grün".encode()).decode()
    arguments = {"data": f"data:text/plain;base64,{sent}", "several": [sent, sent], "note": "seen"}
    found = call(server, "predict_old", arguments).structured_content["predictions"]
    assert found["note"] == "seen"
    assert found["contents"] == ["grün"] * 3
    assert found["names"][0] == ["data", "data", "text/plain"]


@pytest.mark.parametrize("mode", GENERATIONS)
def test_pieces_of_a_stream_are_told_as_progress(server: Server, mode: str) -> None:
    told: list[tuple[float, str | None]] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async def ask(client: Client) -> CallToolResult:
        return await client.call_tool("predict_counts", {"most": 3}, progress_callback=heard)

    assert talk(server, ask, mode).structured_content == {"result": [0, 1, 2]}
    assert told == [(1, "0"), (2, "1"), (3, "2")]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("predict_adds", {}, "a: Missing data for required field."),
        ("predict_adds", {"a": 1, "b": -1}, "b: Input should be greater than or equal to 0"),
        ("predict_adds", {"a": 1, "c": 1}, "c: Unknown"),
        ("predict_packs", {"file": "!"}, "file: "),
        ("predict_fails", {}, "out of luck"),
        ("job_status", {"job": "nonsense"}, "there is no job 'nonsense'"),
        ("job_status", {"job": "../models"}, "job: the id of a job is needed"),
        ("job_status", {}, "job: the id of a job is needed"),
    ],
)
def test_what_is_wrong_is_an_error_of_the_tool_in_words(
    server: Server, tool: str, arguments: dict[str, Any], words: str
) -> None:
    result = call(server, tool, arguments)
    assert result.is_error
    assert words in result.content[0].text


def test_a_tool_that_there_is_not_is_an_error_of_the_protocol(server: Server) -> None:
    with pytest.raises(MCPError, match="you have no tool 'predict_nothing' here"):
        call(server, "predict_nothing", {})


@pytest.mark.parametrize("mode", GENERATIONS)
def test_a_call_that_is_called_off_ends_in_the_model(server: Server, tmp_path: Path, mode: str) -> None:
    note = tmp_path / "note"

    async def ask(client: Client) -> None:
        calling = asyncio.create_task(client.call_tool("predict_waits", {"note": str(note)}))
        while not note.with_suffix(".begun").exists():  # noqa: ASYNC110 - a file tells of no event
            await asyncio.sleep(0.01)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)

    talk(server, ask, mode)
    wait_until(note.exists, lambda: server.log)


def test_a_training_is_a_job_that_other_tools_tell_of(server: Server) -> None:
    begun = call(server, "train_adds", {"epochs": 3}).structured_content

    def state() -> str:
        return call(server, "job_status", {"job": begun["uuid"]}).structured_content["state"]

    wait_until(lambda: state() == "succeeded", lambda: server.log)
    assert call(server, "job_result", {"job": begun["uuid"]}).structured_content == {"epochs": 3}
    jobs = call(server, "list_jobs", {"model": "adds", "limit": 1}).structured_content["jobs"]
    assert [job["id"] for job in jobs] == [begun["uuid"]]
    assert not call(server, "cancel_job", {"job": begun["uuid"]}).is_error


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving_users(tmp_path_factory.mktemp("data"), *TOOLS[:2]) as site:
        yield site


def key_of(site: Site, name: str, *scopes: str, **asked: Any) -> str:
    made = site.admin.post("/v2/keys", json={"name": name, "scopes": [*scopes], **asked})
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    with client_of(site.server, key) as client:
        wait_until(lambda: client.get("/v2/me/limits").status_code == 200, lambda: site.server.log)
    return f"Bearer {key}"


def test_who_asks_sees_and_uses_what_they_may_and_nothing_else(site: Site) -> None:
    with pytest.raises(MCPError, match="error response"):
        talk(site.server, names)
    unknown = site.server.client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert unknown.status_code == 401
    assert unknown.headers["www-authenticate"] == 'Bearer realm="modelport"'
    caller = key_of(site, "caller", "predict", models=["adds"])
    assert talk(site.server, names, authorization=caller) == ["predict_adds"]
    with pytest.raises(MCPError, match="you have no tool 'predict_names' here"):
        call(site.server, "predict_names", {}, authorization=caller)
    reader = key_of(site, "reader", "read")
    assert talk(site.server, names, authorization=reader) == ["list_jobs", "job_status", "job_result"]
    trainer = key_of(site, "trainer", "train", "read")
    assert "train_adds" in talk(site.server, names, authorization=trainer)


def test_each_use_of_a_tool_counts_once_and_is_limited_as_the_request_that_it_is(site: Site) -> None:
    one = key_of(site, "two", "predict", "read", quotas={"rate": "2/h"})

    async def ask(client: Client) -> list[CallToolResult]:
        await client.list_tools()
        return [await client.call_tool("predict_adds", {"a": number}) for number in range(3)]

    found = talk(site.server, ask, authorization=one)
    assert [result.is_error for result in found] == [False, True, True]  # the first was spent before
    assert "requests in 3600 s may come from you, and no more" in found[1].content[0].text


def test_pages_of_others_are_refused_and_so_is_another_name_of_the_server(server: Server) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"accept": "application/json, text/event-stream"}
    good = server.client.post("/mcp", json=asked, headers=accept)
    assert good.status_code == 200
    foreign = {**accept, "origin": "http://elsewhere.example"}
    assert server.client.post("/mcp", json=asked, headers=foreign).status_code == 403
    rebound = {**accept, "host": "rebound.example"}
    assert server.client.post("/mcp", json=asked, headers=rebound).status_code == 421


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"jsonrpc": "2.0"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_message_is_refused(server: Server, body: bytes) -> None:
    fields = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    for version in ({}, {"mcp-protocol-version": "2026-07-28"}, {"mcp-protocol-version": "2999-01-01"}):
        answer = server.client.post("/mcp", content=body, headers=fields | version)
        assert answer.status_code == 400, (version, answer.text)


def test_nothing_is_kept_between_messages_and_nothing_is_begun_by_the_server(server: Server) -> None:
    assert server.client.get("/mcp", headers={"accept": "text/event-stream"}).status_code == 405
    assert server.client.delete("/mcp").status_code == 405


def test_a_server_without_the_sdk_says_so(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')\n")
    found = os.pathsep.join([str(tmp_path), str(MODELS), str(ROOT / "src")])
    with serving(TOOLS[0], PYTHONPATH=found) as running:
        answer = running.client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert answer.status_code == 501
        assert "pip install 'modelport[mcp]'" in answer.json()["detail"]
