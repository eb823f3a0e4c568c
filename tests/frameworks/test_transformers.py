"""Folders of Hugging Face answer what transformers' pipelines answer, without any network."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # it is read when transformers is imported

from pathlib import Path
from typing import Any

import pytest
from adapting import adapted, predicted
from serving import serving

from modelport.contract.errors import ArgumentErrors, ModelLoadError

torch: Any = pytest.importorskip("torch", reason="torch is large: `make test-frameworks` has it")
transformers: Any = pytest.importorskip("transformers", reason="`make test-frameworks` has it")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.slow]

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "day", "very"]
TEXTS = ["good film", "a very bad day"]
BERT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}


def tokenizer() -> Any:
    """Words are tokens; a sentence stands between [CLS] and [SEP]."""
    import tokenizers

    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, mask_token="[MASK]", **names)


def saved(folder: Path, architecture: str, config: Any, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    getattr(transformers, architecture)(config).eval().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def quiet() -> None:
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def bert(**more: Any) -> Any:
    return transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **BERT, **more)


def test_texts_are_classified(tmp_path: Path) -> None:
    labels: dict[str, Any] = {"id2label": {0: "NO", 1: "YES"}, "label2id": {"NO": 0, "YES": 1}}
    folder = saved(tmp_path, "BertForSequenceClassification", bert(**labels))
    adapter = adapted("transformers", folder)
    (given,) = adapter.inputs
    assert (given.name, given.dtype, given.shape, adapter.batches) == ("text", "str", [None], False)
    assert adapter.metadata["classes"] == ["NO", "YES"]
    own = transformers.pipeline("text-classification", model=str(folder))
    assert predicted(adapter, {"text": TEXTS}).tolist() == own(TEXTS)
    assert predicted(adapter, {"text": TEXTS}, top_k=2).tolist() == own(TEXTS, top_k=2)
    assert predicted(adapter, {"text": ["good " * 40]}).tolist() == own(
        ["good " * 40], truncation=True, max_length=16
    )
    together = adapted("transformers", folder, max_batch_size=8)
    assert together.batches
    assert predicted(together, {"text": TEXTS}).tolist() == own(TEXTS, batch_size=2)


def test_a_folder_is_served(tmp_path: Path) -> None:
    folder = saved(tmp_path / "opinion", "BertForSequenceClassification", bert())
    own = transformers.pipeline("text-classification", model=str(folder))(TEXTS)
    with serving(str(folder)) as server:
        answer = server.client.post("/v2/models/opinion/predict/", json={"text": TEXTS})
        assert answer.json() == {"status": "OK", "predictions": own}, server.log
        wrong = server.client.post("/v2/models/opinion/predict/", json={"text": [1]})
        assert wrong.status_code == 422, wrong.text


def test_tokens_are_classified(tmp_path: Path) -> None:
    folder = saved(tmp_path, "BertForTokenClassification", bert())
    own = transformers.pipeline("token-classification", model=str(folder))
    given = predicted(adapted("transformers", folder), {"text": TEXTS}).tolist()
    assert given == own(TEXTS)
    assert type(given[0][0]["score"]) is float


def test_masks_are_filled(tmp_path: Path) -> None:
    folder = saved(tmp_path, "BertForMaskedLM", bert())
    adapter = adapted("transformers", folder)
    own = transformers.pipeline("fill-mask", model=str(folder))
    texts = ["good [MASK]", "a [MASK] day"]
    assert predicted(adapter, {"text": texts}, top_k=3).tolist() == own(texts, top_k=3)
    with pytest.raises(ArgumentErrors) as wrong:
        predicted(adapter, {"text": ["good"]})
    assert wrong.value.messages == {"text": ["No mask_token ([MASK]) found on the input"]}


def test_texts_become_vectors(tmp_path: Path) -> None:
    folder = saved(tmp_path, "BertModel", bert())
    adapter = adapted("transformers", folder)
    own = [rows[0] for rows in transformers.pipeline("feature-extraction", model=str(folder))(TEXTS)]
    assert predicted(adapter, {"text": TEXTS}).tolist() == own
    assert predicted(adapter, {"text": TEXTS}, pooling="first").tolist() == [rows[0] for rows in own]
    assert predicted(adapter, {"text": TEXTS}, pooling="mean").shape == (2, 16)


def test_text_is_continued(tmp_path: Path) -> None:
    config = transformers.GPT2Config(
        vocab_size=len(WORDS), n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=0
    )
    folder = saved(tmp_path, "GPT2LMHeadModel", config)
    adapter = adapted("transformers", folder)
    own = transformers.pipeline("text-generation", model=str(folder))
    said = own(TEXTS, max_new_tokens=4, return_full_text=False, do_sample=False)
    expected = [one[0]["generated_text"] for one in said]
    assert predicted(adapter, {"text": TEXTS}, max_new_tokens=4).tolist() == expected
    assert any(expected)
    with pytest.raises(ArgumentErrors) as wrong:
        predicted(adapter, {"text": ["good", "good " * 40]}, max_new_tokens=4)
    assert wrong.value.messages == {"text": {"1": ["Must have 1 to 28 tokens, not 42."]}}


def test_text_is_turned_into_text(tmp_path: Path) -> None:
    config = transformers.T5Config(vocab_size=len(WORDS), pad_token_id=0, eos_token_id=3, **T5)
    folder = saved(tmp_path, "T5ForConditionalGeneration", config, seed=1)
    model = transformers.T5ForConditionalGeneration.from_pretrained(folder).eval()
    words = tokenizer()
    expected = [
        words.decode(
            model.generate(**words(t, return_tensors="pt"), max_new_tokens=4)[0], skip_special_tokens=True
        )
        for t in TEXTS
    ]
    assert predicted(adapted("transformers", folder), {"text": TEXTS}, max_new_tokens=4).tolist() == expected
    assert any(expected)


def test_pickled_weights_need_trust(tmp_path: Path) -> None:
    folder = saved(tmp_path, "BertModel", bert())
    weights = transformers.BertModel.from_pretrained(folder).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match=r"transformers cannot load it: .*model\.safetensors"):
        adapted("transformers", folder)
    assert adapted("transformers", folder, trust=True).metadata["task"] == "feature-extraction"


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"must hold config\.json, \*\.safetensors and a tokenizer"):
        adapted("transformers", tmp_path)


def test_an_architecture_that_is_not_served_is_named(tmp_path: Path) -> None:
    saved(tmp_path, "BertForNextSentencePrediction", bert())
    with pytest.raises(ModelLoadError, match="BertForNextSentencePrediction is not served"):
        adapted("transformers", tmp_path)
