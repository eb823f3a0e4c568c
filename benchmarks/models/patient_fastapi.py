"""The patient model as a FastAPI application."""

from __future__ import annotations

import asyncio

from fastapi import Body, FastAPI

app = FastAPI()


@app.post("/")
async def predict(seconds: float = Body(default=0.05, embed=True)) -> float:
    """Answers after a while."""
    await asyncio.sleep(seconds)
    return seconds
