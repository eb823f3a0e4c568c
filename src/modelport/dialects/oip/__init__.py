"""The Open Inference Protocol (KServe's V2, which Triton and MLServer speak): tensors in, tensors out.

Source: https://github.com/kserve/open-inference-protocol, and Triton's extensions for binary tensors and
classification.
"""
