"""The small model on Ray Serve: `python small_ray_serve.py PORT`."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import ray
from pydantic import BaseModel, Field
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse


class Question(BaseModel):
    values: list[float]
    threshold: Annotated[float, Field(ge=0, le=100)] = 10.0


@serve.deployment
class Small:
    """Adds numbers and says whether they are many."""

    async def __call__(self, request: Request) -> JSONResponse:
        if request.method == "GET":  # whether it is there
            return JSONResponse({})
        asked = Question.model_validate_json(await request.body())
        score = sum(asked.values)
        return JSONResponse({"label": "many" if score > asked.threshold else "few", "score": score})


if __name__ == "__main__":
    ray.init("local", include_dashboard=False, num_cpus=4)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1]), "access_log": None})
    serve.run(Small.bind())
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
