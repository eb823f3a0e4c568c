"""What is sent to the tagger and what it answers: the payload of the lesson."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

EXAMPLE = [
    {"text": "Classifies messages of customers with a transformer, by what they complain about."},
    {"text": "Finds cracks in photographs of bridges; a pipeline trains and releases the detector."},
]


class Text(BaseModel):
    """One text to tag."""

    model_config = ConfigDict(json_schema_extra={"examples": [*EXAMPLE]})

    text: str = Field(min_length=1, description="Title and description of a project")


class Prediction(BaseModel):
    """A text with its tags, the likeliest first; it may have none."""

    input_text: str
    predicted_tags: list[str]


class Predictions(BaseModel):
    """One prediction for each text, in the order of the texts."""

    predictions: list[Prediction]


def must_not_be_empty(texts: list[Text]) -> list[Text]:
    """Refuse a list without texts."""
    if not texts:
        raise ValueError("List of texts to classify cannot be empty.")
    return texts


Texts = Annotated[
    list[Text],
    AfterValidator(must_not_be_empty),
    Field(description="The texts to tag", examples=[EXAMPLE]),
]
