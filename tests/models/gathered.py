"""A module that is an asynchronous model, and asks another one."""

import asyncio

import modelport

twice = modelport.model("twice", source="asking_models:Twice")


async def predict(number: int, block: bool = False) -> list[int]:
    if block:
        return [twice.predict(number=number)]
    return await asyncio.gather(*(twice.predict_async(number=n) for n in (number, number + 1)))
