"""Folders of Hugging Face answer OpenAI's client: they chat, complete and embed as they are."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # it is read when transformers is imported

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from serving import Server, serving
from test_transformers import BERT, TEXTS, WORDS, tokenizer

torch: Any = pytest.importorskip("torch", reason="torch is large: `make test-frameworks` has it")
transformers: Any = pytest.importorskip("transformers", reason="`make test-frameworks` has it")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.slow]

TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
FIRST = [{"type": "sentence_transformers.models.Normalize"}]


def saved(folder: Path, architecture: str, config: Any, template: str = "") -> Path:
    torch.manual_seed(0)
    getattr(transformers, architecture)(config).eval().save_pretrained(folder)
    words = tokenizer()
    if template:
        words.chat_template = template
    words.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = transformers.GPT2Config(
        vocab_size=len(WORDS), n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=0
    )
    return saved(tmp_path_factory.mktemp("gpt"), "GPT2LMHeadModel", config, TEMPLATE)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **BERT)
    folder = saved(tmp_path_factory.mktemp("bert"), "BertModel", config)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (folder / "modules.json").write_text(json.dumps(FIRST))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, vectors: Path) -> Iterator[Server]:
    with serving(f"gpt={folder}", f"bert={vectors}") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_a_folder_completes_as_its_pipeline_does(client: openai.OpenAI, folder: Path) -> None:
    own = transformers.pipeline("text-generation", model=str(folder))
    expected = own(TEXTS[1], max_new_tokens=4, return_full_text=False, do_sample=False)[0]["generated_text"]
    asked: dict[str, Any] = {"model": "gpt", "prompt": TEXTS[1], "max_tokens": 4, "temperature": 0}
    answer = client.completions.create(**asked)
    assert answer.choices[0].text.strip() == expected.strip()
    assert expected.strip()
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 4)
    pieces = [chunk.choices[0].text for chunk in client.completions.create(**asked, stream=True)]
    assert "".join(pieces) == answer.choices[0].text


def test_it_chats_by_its_template(client: openai.OpenAI) -> None:
    said: list[Any] = [{"role": "system", "content": "good"}, {"role": "user", "content": "film"}]
    answer = client.chat.completions.create(model="gpt", messages=said, max_tokens=3, temperature=0)
    assert answer.choices[0].finish_reason in ("length", "stop")
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 3
    assert answer.choices[0].message.content is not None


def test_a_seed_is_obeyed_and_a_stop_cuts(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "gpt", "prompt": "good", "max_tokens": 12, "temperature": 5.0}

    def text(seed: int, stop: str | None = None) -> str:
        return client.completions.create(**asked, seed=seed, stop=stop).choices[0].text

    seed, words = next((seed, words) for seed in range(50) if len(words := text(seed).split()) > 3)
    assert text(seed).split() == words
    assert text(seed, words[2]).split() == words[: words.index(words[2])]


def test_a_prompt_that_leaves_no_room_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="leaves"):
        client.completions.create(model="gpt", prompt="good " * 31, max_tokens=4)


def test_it_embeds_as_the_folder_says(client: openai.OpenAI, vectors: Path) -> None:
    answer = client.embeddings.create(model="bert", input=TEXTS)
    own = transformers.pipeline("feature-extraction", model=str(vectors))
    first = torch.tensor([own(text)[0][0] for text in TEXTS])
    expected = first / first.norm(dim=1, keepdim=True)
    assert torch.allclose(torch.tensor([one.embedding for one in answer.data]), expected, atol=1e-5)
    assert answer.usage.prompt_tokens == 4 + 6
