"""What both halves of the dialect know: the names of its messages."""

from __future__ import annotations

PROTOCOL = "inference"
SERVICE = "inference.GRPCInferenceService"
REQUEST = "inference.ModelInferRequest"
RESPONSE = "inference.ModelInferResponse"
STREAM_RESPONSE = "inference.ModelStreamInferResponse"
MEDIA_TYPE = "application/grpc+proto"
MODEL_NAME, MODEL_VERSION, PARAMETERS = 1, 2, 4  # the numbers of these fields in a request
# Triton's clients ask by a parameter for an answer that says of a stream that it was the last.
WANTS_FINAL, IS_FINAL = "triton_enable_empty_final_response", "triton_final_response"
