"""The tensor model for MLServer."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Tensor(MLModel):
    """Looks at one pixel."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        image = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("output", image[:, :, 0, 0])
        return InferenceResponse(model_name=self.name, outputs=[output])
