"""What transformers lacks for serving text: a pipeline from text to text, and how long a text may be."""

from __future__ import annotations

from typing import Any

TEXT_TO_TEXT = "text2text-generation"


def text_to_text(transformers: Any, model: Any, tokenizer: Any) -> Any:
    """A pipeline for models such as T5 and BART; transformers 5 has none any more."""
    base: Any = transformers.Pipeline

    class TextToText(base):
        """One text in, one text out, by the model's own `generate`."""

        def _sanitize_parameters(
            self, **options: Any
        ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
            return {}, options, {}

        def preprocess(self, input_: Any) -> Any:
            return self.tokenizer(input_, return_tensors="pt")

        def _forward(self, input_tensors: Any, **options: Any) -> Any:
            return self.model.generate(**input_tensors, **options)

        def postprocess(self, model_outputs: Any) -> Any:
            return {"generated_text": self.tokenizer.decode(model_outputs[0], skip_special_tokens=True)}

    made: Any = TextToText
    return made(model=model, tokenizer=tokenizer, task=TEXT_TO_TEXT, device="cpu")


def token_limit(config: Any, tokenizer: Any) -> int:
    """The most tokens a text may have: the smaller of what the tokenizer says and the places there are."""
    places = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if not isinstance(places, int) or config.model_type in ("t5", "mt5", "umt5", "longt5"):
        return tokenizer.model_max_length
    if "roberta" in config.model_type or config.model_type in ("camembert", "mpnet"):
        places -= (config.pad_token_id or 0) + 1  # their places begin behind the padding's number
    return min(tokenizer.model_max_length, places)
