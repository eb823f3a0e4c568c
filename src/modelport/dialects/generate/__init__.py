"""Triton's generate extension of the Open Inference Protocol: texts and values in flat JSON, no tensors.

Source: https://github.com/triton-inference-server/server, docs/protocol/extension_generate.md.
"""
