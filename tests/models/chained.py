"""A module that is a model, and asks another one."""

import modelport


def predict(number: int) -> int:
    twice = modelport.model("twice", source="asking_models:Twice")
    return twice.predict(number=twice.predict(number=number))


def train(number: int) -> int:
    return predict(number)
