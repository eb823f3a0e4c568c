from dataclasses import dataclass


@dataclass
class AsyncEngineArgs:
    model: str
