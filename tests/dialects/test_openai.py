"""OpenAI's API, as its own client speaks it, and as bytes that no client sends."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy
import openai
import pydantic
import pytest
from serving import ROOT, Server, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

NAMES = ("Chats", "Breaks", "Dies", "Talks", "Plain", "Odd")
HELLO: list[Any] = [{"role": "user", "content": "hello big world"}]
WEATHER: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},
]
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "access.log"


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[Server]:
    models = [f"{name.lower()}=text_models:{name}" for name in NAMES]
    examples = [str(ROOT / f"examples/{name}/{name}.py") for name in ("generator", "iris")]
    with serving(*models, *examples, "--access-log", "json", "--access-log-file", str(log)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def refused(server: Server, path: str = CHAT, status: int = 400, **sent: Any) -> dict[str, Any]:
    answer = server.client.post(path, json={"model": "chats", "messages": HELLO} | sent)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    return answer.json()["error"]


def events(answer: httpx.Response) -> list[Any]:
    """The data of a stream's events; the last one, which is no JSON, as text."""
    parts = [part.removeprefix("data: ") for part in answer.text.split("\n\n") if part]
    return [json.loads(part) if part.startswith("{") else part for part in parts]


# -- models ------------------------------------------------------------------------------------------


def test_models_of_text_are_listed(client: openai.OpenAI, server: Server) -> None:
    names = [model.id for model in client.models.list()]
    assert names == [*(name.lower() for name in NAMES), "generator"]
    one = client.models.retrieve("chats")
    assert (one.id, one.object, one.created > 0) == ("chats", "model", True)
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody")
    assert caught.value.code == "model_not_found"


def test_clients_of_kserve_and_tensorflow_serving_read_the_same_paths(server: Server) -> None:
    listed = server.client.get("/v1/models").json()
    assert listed["models"] == [*(name.lower() for name in NAMES), "generator", "iris"]
    one = server.client.get("/v1/models/iris").json()
    assert (one["name"], one["ready"]) == ("iris", True)
    assert one["model_version_status"][0]["state"] == "AVAILABLE"


# -- chats -------------------------------------------------------------------------------------------


def test_a_chat_is_answered_whole(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="chats", messages=HELLO)
    choice = answer.choices[0]
    assert (choice.message.role, choice.message.content) == ("assistant", "hello big world ")
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        3,
        3,
        6,
    )
    assert answer.model == "chats"


def test_a_chat_streams(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="chats", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert [delta.content for delta in deltas] == ["hello ", "big ", "world ", None]
    assert deltas[0].role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 6
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_ends_with_done_and_tells_no_usage_unasked(server: Server) -> None:
    answer = server.client.post(CHAT, json={"model": "chats", "messages": HELLO, "stream": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *chunks, last = events(answer)
    assert last == "[DONE]"
    assert all("usage" not in chunk for chunk in chunks)


def test_tokens_that_the_model_has_counted_are_in_the_metrics_and_in_the_access_log(
    client: openai.OpenAI, server: Server, log: Path
) -> None:
    kinds = [f'modelport_tokens_total{{model="chats",kind="{kind}"}} ' for kind in ("prompt", "completion")]

    def counted() -> list[float]:
        shown = server.client.get("/metrics").text
        return [float(shown.partition(kind)[2].partition("\n")[0] or 0) for kind in kinds]

    def logged() -> dict[str, tuple[int | None, int | None]]:
        lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        said = [json.loads(line) for line in lines]
        return {
            one["client_request_id"]: (one.get("prompt_tokens"), one.get("completion_tokens"))
            for one in said
            if one.get("client_request_id") in ids
        }

    before, ids = counted(), ("tokens-whole", "tokens-streamed", "tokens-none")
    whole, streamed, none = ({"X-Request-Id": one} for one in ids)
    client.chat.completions.create(model="chats", messages=HELLO, extra_headers=whole)
    list(client.chat.completions.create(model="chats", messages=HELLO, stream=True, extra_headers=streamed))
    client.chat.completions.create(model="odd", messages=HELLO, extra_headers=none)  # does not count
    wait_until(lambda: len(logged()) == 3, lambda: str(logged()), 30)
    assert logged() == dict(zip(ids, [(3, 3), (3, 3), (None, None)], strict=True))
    wait_until(lambda: counted() >= [before[0] + 6, before[1] + 6], lambda: str(counted()), 30)


def test_tokens_that_the_model_has_not_counted_are_not_made_up(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="odd", messages=HELLO)
    assert (answer.choices[0].message.content, answer.usage) == ("hello", None)
    chunks = list(
        client.chat.completions.create(
            model="odd", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert [chunk.usage for chunk in chunks] == [None, None]
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "hello"


def test_the_asynchronous_client_asks_side_by_side(server: Server) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:

            async def read(text: str) -> str:
                stream = await client.chat.completions.create(model="chats", messages=said(text), stream=True)
                parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
                return "".join(parts).strip()

            return await asyncio.gather(*(read(f"number {number}") for number in range(8)))

    assert asyncio.run(ask()) == [f"number {number}" for number in range(8)]


def test_parameters_reach_the_model_by_their_names(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="chats", messages=said("given"), temperature=0, seed=7, extra_body={"tone": "dry"}
    )
    assert json.loads(answer.choices[0].message.content or "") == {
        "temperature": 0.0, "seed": 7, "tone": "dry",
    }  # fmt: skip
    cut = client.chat.completions.create(model="chats", messages=HELLO, max_completion_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("hello big ", "length")
    same = client.chat.completions.create(model="chats", messages=HELLO, max_tokens=2)
    assert same.choices[0].message.content == "hello big "


def test_what_asks_for_nothing_is_taken(server: Server) -> None:
    neutral = {
        "n": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logprobs": False, "stop": None,
        "response_format": {"type": "text"}, "tool_choice": "auto", "parallel_tool_calls": True,
        "store": False, "service_tier": "auto", "modalities": ["text"], "logit_bias": {}, "stream": False,
    }  # fmt: skip
    answer = server.client.post(CHAT, json={"model": "odd", "messages": HELLO, **neutral})
    assert answer.status_code == 200, answer.text
    assert "warning" not in answer.headers


def test_labels_are_passed_over_with_a_word(server: Server) -> None:
    sent = {"model": "chats", "messages": HELLO, "user": "ada", "metadata": {"a": "b"}}
    answer = server.client.post(CHAT, json=sent)
    assert answer.status_code == 200
    warnings = ", ".join(answer.headers.get_list("warning"))
    assert "user was passed over" in warnings
    assert "metadata was passed over" in warnings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2), ("top_p", 0.5), ("stop", ["."]), ("logprobs", True), ("logit_bias", {"50256": -100}),
        ("presence_penalty", 1), ("store", True), ("parallel_tool_calls", False), ("tool_choice", "required"),
        ("reasoning_effort", "high"), ("modalities", ["text", "audio"]), ("service_tier", "flex"),
        ("n", True),
    ],
)  # fmt: skip
def test_what_the_model_does_not_take_is_refused_by_name(server: Server, name: str, value: Any) -> None:
    error = refused(server, **{name: value})
    assert (error["param"], error["code"]) == (name, "unsupported_parameter")
    assert error["type"] == "invalid_request_error"
    assert name in error["message"]


def test_unknown_parameters_are_refused_with_the_near_one(server: Server) -> None:
    error = refused(server, temprature=0.5)
    assert (error["param"], error["code"]) == ("temprature", "unknown_parameter")
    assert "'temperature'" in error["message"]


def test_a_model_of_a_version_is_asked_by_its_name(client: openai.OpenAI) -> None:
    assert client.chat.completions.create(model="chats@live", messages=HELLO).model == "chats@live"
    assert client.chat.completions.create(model="chats@0", messages=HELLO).choices[0].message.content
    for name in ("chats@7", "chats@nothing", "nobody", "nobody@1", "@", "chats@"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=name, messages=HELLO)
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_who_does_something_else_says_where(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"ask it at /v1/completions"):
        client.chat.completions.create(model="generator", messages=HELLO)
    with pytest.raises(openai.NotFoundError, match=r"/v2/models/iris/predict"):
        client.embeddings.create(model="iris", input="a")


# -- tools, and forms of answers ---------------------------------------------------------------------


def test_tools_are_called(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="chats", messages=HELLO, tools=WEATHER)
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    calls: list[Any] = list(choice.message.tool_calls or [])
    assert [call.function.name for call in calls] == ["weather", "other"]
    assert json.loads(calls[0].function.arguments) == {"city": "Rome"}
    assert calls[0].id == "call_1"
    result = {"role": "tool", "tool_call_id": "call_1", "content": "warm and dry"}
    back: list[Any] = [*HELLO, choice.message.model_dump(), result]
    after = client.chat.completions.create(model="chats", messages=back, tools=WEATHER)
    assert after.choices[0].message.content == "warm and dry "


def test_calls_of_tools_stream_as_deltas(client: openai.OpenAI) -> None:
    found: dict[int, list[str]] = {}
    reasons: list[str] = []
    stream = client.chat.completions.create(model="chats", messages=HELLO, tools=WEATHER, stream=True)
    for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.function is not None
            found.setdefault(call.index, [call.function.name or ""]).append(call.function.arguments or "")
        reasons += [chunk.choices[0].finish_reason] if chunk.choices[0].finish_reason else []
    assert reasons == ["tool_calls"]
    assert {index: (name, json.loads("".join(parts))) for index, (name, *parts) in found.items()} == {
        0: ("weather", {"city": "Rome"}), 1: ("other", {"deep": [1]}),
    }  # fmt: skip


def test_no_tool_is_called_where_none_may_be(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="chats", messages=HELLO, tools=WEATHER, tool_choice="none")
    assert answer.choices[0].message.content == "hello big world "


class Person(pydantic.BaseModel):
    name: str
    age: int


def test_structured_answers_are_parsed(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="chats", messages=HELLO, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="hello big world", age=7)


def test_what_was_to_be_json_and_is_none_is_an_error(server: Server) -> None:
    error = refused(server, status=500, messages=said("{no json"), response_format={"type": "json_object"})
    assert "JSON object" in error["message"]
    assert error["type"] == "server_error"


# -- completions and embeddings ----------------------------------------------------------------------


def test_a_text_is_completed(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="chats", prompt="abc", suffix="!")
    assert (answer.object, answer.choices[0].text) == ("text_completion", "cba!")
    assert client.completions.create(model="plain", prompt=["abc"]).choices[0].text == "abc"


def test_the_generator_of_the_examples_completes_as_it_is(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "generator",
        "prompt": "Shall I ",
        "seed": 1,
        "extra_body": {"length": 30},
    }
    whole = client.completions.create(**asked).choices[0].text
    pieces = [chunk.choices[0].text for chunk in client.completions.create(**asked, stream=True)]
    assert len(whole) == 30
    assert "".join(pieces) == whole
    assert len(pieces) > 3


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2, 3], [[1, 2]], 7, [], None])
def test_other_prompts_are_refused(server: Server, prompt: Any) -> None:
    answer = server.client.post("/v1/completions", json={"model": "plain", "prompt": prompt})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")


def test_texts_are_embedded(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="chats", input=["a b", "abc"])  # it asks for base64 by itself
    assert [one.embedding for one in answer.data] == [[3.0, 1.0, 0.5], [3.0, 0.0, 0.5]]
    assert [one.index for one in answer.data] == [0, 1]
    assert answer.usage.total_tokens == 3
    floats = client.embeddings.create(model="chats", input="a b", encoding_format="float", dimensions=2)
    assert floats.data[0].embedding == [3.0, 1.0]


def test_vectors_come_as_base64_of_float32(server: Server) -> None:
    sent = {"model": "chats", "input": "a b", "encoding_format": "base64"}
    data = server.client.post("/v1/embeddings", json=sent).json()["data"]
    found = numpy.frombuffer(base64.b64decode(data[0]["embedding"]), "<f4")
    assert found.tolist() == [3.0, 1.0, 0.5]


def test_what_is_no_vector_is_an_error(server: Server) -> None:
    for texts in ("wrong", ["one", "two"]):
        answer = server.client.post("/v1/embeddings", json={"model": "odd", "input": texts})
        assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")


@pytest.mark.parametrize("given", [[1, 2], [[1]], [], None, {"a": 1}, ["a", 1]])
def test_what_is_no_text_is_not_embedded(server: Server, given: Any) -> None:
    answer = server.client.post("/v1/embeddings", json={"model": "chats", "input": given})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")


# -- responses ---------------------------------------------------------------------------------------


def test_a_response_is_a_chat_in_other_words(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model="chats", input="hello big world", instructions="Be short.", max_output_tokens=2, temperature=0
    )
    assert (answer.output_text, answer.status) == ("hello big ", "incomplete")
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 2)
    assert (answer.instructions, answer.temperature) == ("Be short.", 0.0)
    parts: Any = [{"role": "user", "content": [{"type": "input_text", "text": "in parts"}]}]
    assert client.responses.create(model="chats", input=parts).output_text == "in parts "


def test_functions_are_called_in_a_response(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}
    answer = client.responses.create(model="chats", input="hello", tools=[tool])
    calls: list[Any] = [item for item in answer.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["weather", "other"]
    assert json.loads(calls[0].arguments) == {"city": "Rome"}
    back: list[Any] = [{"role": "user", "content": "hello"}]
    back += [call.model_dump() for call in calls]
    back.append({"type": "function_call_output", "call_id": calls[0].call_id, "output": "warm"})
    after = client.responses.create(model="chats", input=back, tools=[tool])
    assert after.output_text == "warm "


def test_structured_responses_are_parsed(client: openai.OpenAI) -> None:
    answer = client.responses.parse(model="chats", input="ada", text_format=Person)
    assert answer.output_parsed == Person(name="ada", age=7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("background", True),
        ("store", True), ("stream", True), ("truncation", "auto"), ("include", ["what"]),
        ("tools", [{"type": "web_search"}]), ("reasoning", {"effort": "high"}), ("reasoning", {"what": 1}),
    ],
)  # fmt: skip
def test_what_a_response_cannot_be_is_refused(server: Server, name: str, value: Any) -> None:
    answer = server.client.post("/v1/responses", json={"model": "chats", "input": "a", name: value})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "unsupported_parameter"


@pytest.mark.parametrize("given", [None, [], 7, [7], [{"type": "reasoning"}], [{"role": "nobody"}], [{}], {}])
def test_what_is_no_input_is_refused(server: Server, given: Any) -> None:
    answer = server.client.post("/v1/responses", json={"model": "chats", "input": given})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


# -- what fails --------------------------------------------------------------------------------------


def test_a_stream_that_fails_midway_says_so(client: openai.OpenAI) -> None:
    for model, words in (("breaks", "no further"), ("dies", "worker ended")):
        heard: list[str] = []
        with pytest.raises(openai.APIError, match=words) as caught:
            for chunk in client.chat.completions.create(model=model, messages=HELLO, stream=True):
                heard.append(chunk.choices[0].delta.content or "")
        assert heard[0] == "so "
        assert caught.value.type == "server_error"


def test_errors_of_the_model_have_their_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError, match="asked to fail") as failed:
        client.chat.completions.create(model="chats", messages=said("fail"))
    assert failed.value.type == "server_error"
    with pytest.raises(openai.UnprocessableEntityError, match="does not like to"):
        client.chat.completions.create(model="chats", messages=said("refuse"))
    with pytest.raises(openai.InternalServerError, match="cannot give int"):
        client.chat.completions.create(model="odd", messages=said("number"))
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    with pytest.raises(openai.BadRequestError, match="image_url"):
        client.chat.completions.create(model="chats", messages=picture)  # pyright: ignore


ONE = b'"model": "chats", "messages": [{"role": "user", "content": "a"}]'
MALFORMED = [
    b"", b"{", b"[]", b"7", b'"text"', b"null", b'{"model": 7}', b'{"model": "chats"}', b"\xff\xfe",
    b'{"model": "chats", "messages": []}', b'{"model": "chats", "messages": {}}', b"[" * 5000,
    b'{"model": "chats", "messages": [7]}', b'{"model": "chats", "messages": [{"role": "user", "what": 1}]}',
    b'{"model": "chats", "messages": [{"content": "a"}]}', b'{"model": "odd", %b}' % ONE,
    b'{"model": "chats", "messages": [{"role": "user", "content": "a\\u0000b"}]}',
    b'{%b, "stream": "yes"}' % ONE, b'{%b, "stream_options": {}}' % ONE,
    b'{%b, "stream": true, "stream_options": 7}' % ONE,
    b'{%b, "stream": true, "stream_options": {"a": 1}}' % ONE,
    b'{%b, "max_tokens": 1, "max_completion_tokens": 2}' % ONE,
    b'{%b, "max_tokens": "many"}' % ONE, b'{%b, "response_format": "json"}' % ONE,
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED)
def test_what_is_malformed_is_refused(server: Server, body: bytes) -> None:
    answer = server.client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_query_and_a_form_are_refused(server: Server) -> None:
    sent = {"model": "chats", "messages": HELLO}
    assert server.client.post(f"{CHAT}?stream=true", json=sent).status_code in (400, 422)
    form = server.client.post(CHAT, data={"model": "chats"}, files={"file": b"a"})
    assert form.status_code in (400, 415)
    assert "error" in form.json()


def test_a_large_body_is_read_too(server: Server) -> None:
    long = "word " * 500_000
    answer = server.client.post(CHAT, json={"model": "odd", "messages": said(long)})
    assert answer.status_code == 200
    other = server.client.post(CHAT, json={"model": "nobody", "messages": said(long)})
    assert (other.status_code, other.json()["error"]["code"]) == (404, "model_not_found")


def test_who_leaves_ends_the_model(client: openai.OpenAI, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    stream = client.chat.completions.create(model="talks", messages=said(str(stopped)), stream=True)
    next(iter(stream))
    stream.close()
    wait_until(stopped.exists, lambda: "the model was not stopped")


def test_the_page_and_the_other_ways_ask_what_chats(server: Server) -> None:
    answer = server.client.post(
        "/v2/models/odd/predict", json={"messages": [{"role": "user", "content": "hello"}]}
    )
    assert answer.status_code == 200
    signature = server.client.get("/v2/models/chats/signature").json()
    assert "messages" in json.dumps(signature)


# -- the door ----------------------------------------------------------------------------------------


def made_key(data: Path, *scopes: str, models: list[str] | None = None) -> str:
    """A new key. The server finds it within two seconds."""
    keys = DatabaseKeys(Settings(data_dir=str(data)))
    return keys.create({"name": "-".join(scopes), "scopes": scopes, "models": models, "expires": None})["key"]


def test_keys_are_looked_at_and_refusals_have_openais_form(tmp_path: Path) -> None:
    mine, reader = made_key(tmp_path, "predict", "read", models=["chats"]), made_key(tmp_path, "read")
    models = (f"{name}=text_models:{name.title()}" for name in ("chats", "odd"))
    with serving(*models, "--auth", "on", "--data-dir", str(tmp_path)) as running:

        def with_key(key: str) -> openai.OpenAI:
            return openai.OpenAI(base_url=f"{running.url}/v1", api_key=key, max_retries=0)

        with with_key(mine) as client:
            assert [model.id for model in client.models.list()] == ["chats"]
            assert client.chat.completions.create(model="chats", messages=HELLO).choices
            for other in ("odd", "secret"):  # who may not ask it is not told what there is
                with pytest.raises(openai.PermissionDeniedError) as denied:
                    client.chat.completions.create(model=other, messages=HELLO)
                assert denied.value.type == "permission_error"
                assert "there is" not in str(denied.value)
        with with_key(reader) as client, pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="chats", messages=HELLO)
        with httpx.Client(
            base_url=running.url, timeout=60.0
        ) as anybody:  # as it may ask /v2/models/chats/ready
            assert anybody.get("/v1/models/chats").status_code == 200
            for version in ("0", "7", "best"):  # and not which versions there are
                assert anybody.get(f"/v1/models/chats@{version}").status_code == 401
                other = anybody.get(f"/v1/models/odd@{version}", headers={"X-API-Key": mine})
                assert other.status_code == 403
                assert "there is" not in other.text
            assert anybody.get("/v1/models/chats@0", headers={"X-API-Key": mine}).status_code == 200
        with with_key("wrong") as client:
            with pytest.raises(openai.AuthenticationError) as unknown:
                client.chat.completions.create(model="chats", messages=HELLO)
            assert unknown.value.code == "invalid_api_key"
            with pytest.raises(openai.AuthenticationError) as unknown:
                client.models.list()
            assert unknown.value.code == "invalid_api_key"


def test_what_there_is_no_room_for_is_told_in_openais_form(tmp_path: Path) -> None:
    key = made_key(tmp_path, "predict")
    limits = ("--auth", "on", "--data-dir", str(tmp_path), "--rate", "2/h")
    with serving("chats=text_models:Chats", *limits) as running:
        with openai.OpenAI(base_url=f"{running.url}/v1", api_key=key, max_retries=0) as client:
            for _ in range(2):
                client.chat.completions.create(model="chats", messages=HELLO)
            with pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(model="chats", messages=HELLO)
    assert (caught.value.type, caught.value.code) == ("rate_limit_error", "rate_limit_exceeded")
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_a_server_without_predictions_and_a_model_that_failed_say_so() -> None:
    with serving("chats=text_models:Chats", "broken=text_models:Nothing", "--base-path", "/all") as running:
        with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client:
            assert client.chat.completions.create(model="chats", messages=HELLO).choices
            with pytest.raises(openai.InternalServerError) as failed:
                client.chat.completions.create(model="broken", messages=HELLO)
            assert (failed.value.status_code, failed.value.code) == (503, "service_unavailable")
            with pytest.raises(openai.InternalServerError):  # as KServe's clients know that it cannot answer
                client.models.retrieve("broken")
    with serving("chats=text_models:Chats", "--no-predict-endpoint") as running:
        answer = running.client.post(CHAT, json={"model": "chats", "messages": HELLO})
        assert (answer.status_code, answer.json()["error"]["type"]) == (402, "invalid_request_error")
