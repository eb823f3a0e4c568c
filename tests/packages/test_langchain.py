"""LangChain's client of OpenAI's API asks models here, in each of its ways."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from environments import installed_from, needs_registry
from serving import serving

PINS = Path(__file__).parent / "langchain.txt"
PROGRAM = """
import json, sys
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

url = sys.argv[1]
chat = ChatOpenAI(model="chats", base_url=url, api_key="none", max_retries=0, seed=1)


@tool
def weather(city: str) -> str:
    "What the weather is."
    return "warm"


class Person(BaseModel):
    name: str
    age: int


whole = chat.invoke("hello big world")
pieces = [piece for piece in chat.stream("hello big world", stream_usage=True)]
called = chat.bind_tools([weather]).invoke("hello")
embeddings = OpenAIEmbeddings(
    model="chats", base_url=url, api_key="none", check_embedding_ctx_length=False, dimensions=2
)
print(json.dumps({
    "whole": [whole.content, whole.usage_metadata["total_tokens"]],
    "pieces": [piece.content for piece in pieces if piece.content],
    "usage": [piece.usage_metadata["total_tokens"] for piece in pieces if piece.usage_metadata],
    "called": [[call["name"], call["args"]] for call in called.tool_calls],
    "person": chat.with_structured_output(Person, method="json_schema").invoke("ada").model_dump(),
    "vectors": embeddings.embed_documents(["a b", "abc"]),
}))
"""


@pytest.mark.timeout(900)
def test_langchain_asks_models_here(tmp_path: Path) -> None:
    with needs_registry():
        python = installed_from("langchain", PINS)
    with serving("chats=text_models:Chats") as server:
        asked = subprocess.run(
            [python, "-c", PROGRAM, f"{server.url}/v1"],
            capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout) == {
        "whole": ["hello big world ", 6],
        "pieces": ["hello ", "big ", "world "],
        "usage": [6],
        "called": [["weather", {"city": "Rome"}], ["other", {"deep": [1]}]],
        "person": {"name": "ada", "age": 7},
        "vectors": [[3.0, 1.0], [3.0, 0.0]],
    }
