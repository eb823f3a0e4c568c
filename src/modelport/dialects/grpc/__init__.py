"""The Open Inference Protocol by gRPC: `inference.GRPCInferenceService`, as KServe and Triton have it.

The protocols are the files in `protocols/`. `schema` reads them, `wire` reads and writes their messages, and
what tells clients of them (reflection) is made from them. No class is generated, and no package of protobuf's
is needed, in the server or in a worker: of those there can be one in a process, models bring theirs, two
libraries with this protocol cannot be loaded together, and a tensor that it reads is copied. Here a tensor is
a view of the bytes that came.

Source: https://github.com/kserve/open-inference-protocol, and Triton's extensions.
"""
