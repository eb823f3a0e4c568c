"""What `strict` promises of a model's answer: what does not fit is an error, and its tokens are counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pydantic
import pytest
from serving import Server, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

CHAT = "/v1/chat/completions"


class Person(pydantic.BaseModel):
    name: str
    age: int
    friends: list[Person] = []
    kind: Literal["cat", "dog"] | None = None


class Site:
    """A server that counts what is used, and OpenAI's client of it."""

    def __init__(self, server: Server, key: str):
        self.server = server
        self.key = {"authorization": f"Bearer {key}"}
        self.client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)

    def refused(self, status: int = 400, **sent: Any) -> dict[str, Any]:
        body = {"model": "chats", "messages": said("{}")} | sent
        answer = self.server.client.post(CHAT, json=body, headers=self.key)
        assert answer.status_code == status, answer.text
        return answer.json()["error"]

    def tokens(self) -> tuple[int, int]:
        rows = self.server.client.get("/v2/usage", params={"model": "chats"}, headers=self.key).json()[
            "usage"
        ]
        return sum(row["prompt_tokens"] for row in rows), sum(row["completion_tokens"] for row in rows)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    made = DatabaseKeys(Settings(data_dir=str(data))).create({"name": "chatter", "scopes": ["predict"]})
    with serving("chats=text_models:Chats", "--auth", "on", "--data-dir", str(data)) as server:
        site = Site(server, made["key"])
        wait_until(
            lambda: server.client.get("/v2/me", headers=site.key).status_code == 200, lambda: server.log
        )
        yield site
        site.client.close()


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def strictly(schema: Any, strict: Any = True) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": strict}}


def test_what_fits_the_schema_is_parsed_and_what_does_not_is_an_error(site: Site) -> None:
    good = {"name": "ada", "age": 7, "friends": [{"name": "bo", "age": 8, "friends": [], "kind": "cat"}]}
    whole = json.dumps(good | {"kind": None})
    parse = site.client.chat.completions.parse
    found = parse(model="chats", messages=said(whole), response_format=Person).choices[0].message.parsed
    assert found == Person.model_validate_json(whole)
    for wrong, words in [
        (good | {"kind": "cow"}, "kind fits none of anyOf: kind must be one of ['cat', 'dog']"),
        (good | {"kind": None, "age": "7"}, "age must be of the type integer, and is '7'"),
        (good, "it has no 'kind'"),
        (good | {"kind": None, "more": 1}, "more is not in the schema"),
        (good | {"kind": None, "friends": [good]}, "friends[0] has no 'kind'"),
    ]:
        with pytest.raises(openai.InternalServerError) as caught:
            parse(model="chats", messages=said(json.dumps(wrong)), response_format=Person)
        assert words in caught.value.message
        assert (caught.value.code, caught.value.type) == ("json_validate_failed", "server_error")


def test_a_stream_that_does_not_fit_ends_with_an_error(site: Site) -> None:
    sent: dict[str, Any] = {
        "model": "chats",
        "response_format": strictly({"required": ["a"]}),
        "stream": True,
    }
    create = site.client.chat.completions.create
    chunks = list(create(messages=said('{"a": 1}'), **sent))
    assert chunks[-1].choices[0].finish_reason == "stop"
    told: list[str] = []
    with pytest.raises(openai.APIError, match="it has no 'a'"):
        for chunk in create(messages=said('{"b": 1}'), **sent):
            told += [choice.finish_reason or "" for choice in chunk.choices]
    assert told == [""], "it is said before the answer is said to be whole"
    with pytest.raises(openai.APIError, match="asks for a JSON object"):
        list(create(messages=said("{b"), **sent | {"response_format": {"type": "json_object"}}))


def test_without_strict_the_schema_is_the_models_business(site: Site) -> None:
    for strict in (False, None):
        sent = {"response_format": strictly({"required": ["a"], "not": {}}, strict), "messages": said("{}")}
        answer = site.server.client.post(CHAT, json={"model": "chats"} | sent, headers=site.key)
        assert answer.json()["choices"][0]["message"]["content"] == "{}"
    error = site.refused(500, messages=said("{b"), response_format=strictly({}, None))
    assert "asks for a JSON object" in error["message"]


def test_responses_are_looked_at_as_well(site: Site) -> None:
    form: Any = strictly({"required": ["a"]})["json_schema"] | {"type": "json_schema"}
    create = site.client.responses.create
    assert create(model="chats", input='{"a": 1}', text={"format": form}).output_text == '{"a": 1}'
    with pytest.raises(openai.InternalServerError, match="it has no 'a'"):
        create(model="chats", input="{}", text={"format": form})


def test_arguments_of_a_strict_tool_fit_its_schema(site: Site) -> None:
    def weather(schema: dict[str, Any], strict: bool) -> list[Any]:
        return [{"type": "function", "function": {"name": "weather", "parameters": schema, "strict": strict}}]

    create = site.client.chat.completions.create
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    for strict, schema in ((True, city), (False, {"required": ["town"]})):
        answer = create(model="chats", messages=said("hello"), tools=weather(schema, strict))
        assert answer.choices[0].finish_reason == "tool_calls"
    with pytest.raises(openai.InternalServerError, match="the tool 'weather' is strict.*it has no 'town'"):
        create(model="chats", messages=said("hello"), tools=weather({"required": ["town"]}, True))
    with pytest.raises(openai.APIError, match="it has no 'town'"):
        tools = weather({"required": ["town"]}, True)
        list(create(model="chats", messages=said("hello"), tools=tools, stream=True))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"a": {"not": {}}}}, "schema.properties.a.not cannot be checked here"),
        ({"type": "text"}, "schema.type: 'text' is no value of it"),
        ({"properties": []}, "schema.properties must be an object"),
        ({"anyOf": []}, "schema.anyOf must be a list that has something in it"),
        ({"$ref": "https://example.org/schema"}, "is no part of this schema"),
        ({"$ref": "#/default", "default": {}}, "is no part of this schema"),
        ({"pattern": "(a)\\1"}, "is no expression that is known here"),
        ({"anyOf": [{}] * 5001}, "at most 5000 parts"),
        ({"anyOf": [{"pattern": f"a{number}"} for number in range(21)]}, "at most 20 patterns"),
        (7, "must be an object: a JSON Schema"),
        (None, "must be an object: a JSON Schema"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(site: Site, schema: Any, words: str) -> None:
    error = site.refused(response_format=strictly(schema))
    assert words in error["message"]
    assert error["param"] == "response_format.json_schema.schema"


def test_a_form_that_says_nothing_is_refused(site: Site) -> None:
    error = site.refused(response_format={"type": "json_schema"})
    assert error["param"] == "response_format.json_schema"
    assert site.refused(response_format=strictly({}, "yes"))["param"] == "response_format.json_schema.strict"


def test_a_schema_that_never_ends_is_given_up(site: Site) -> None:
    error = site.refused(500, response_format=strictly({"$ref": "#"}))
    assert "too many steps" in error["message"]
    doubled = {f"d{one}": {"anyOf": [{"$ref": f"#/$defs/d{one + 1}"}] * 2} for one in range(50)}
    schema = {"$ref": "#/$defs/d0", "$defs": doubled | {"d50": {"type": "null"}}}
    assert "too many steps" in site.refused(500, response_format=strictly(schema))["message"]


def test_tokens_are_counted_for_who_has_asked(site: Site, tmp_path: Path) -> None:
    create = site.client.chat.completions.create
    before = site.tokens()
    create(model="chats", messages=said("hello big world"))
    list(create(model="chats", messages=said("hello big"), stream=True))
    wait_until(lambda: site.tokens() == (before[0] + 5, before[1] + 5), lambda: str(site.tokens()))
