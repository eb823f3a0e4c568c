"""A stand-in for vLLM, which needs a graphics card: the parts of its interface that docs/openai.md uses."""

from vllm.sampling_params import SamplingParams

__all__ = ["SamplingParams"]
