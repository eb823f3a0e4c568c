"""The rows of shared memory: that of the host, which clients register, and that of GPUs, which is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from modelport.api.endpoints.row import AccessScope, Endpoint, Parameter, data, with_body
from modelport.api.endpoints.statuses import FOUND, SENT
from modelport.api.resources.described import Named
from modelport.dialects.oip.server.client_memory import ClientRegions
from modelport.dialects.oip.shared_memory import Done, NewCudaRegion, NewRegion, ShownRegion

if TYPE_CHECKING:
    from modelport.api.handlers import Handlers

TAG = "open inference"
PREDICT = AccessScope.PREDICT
REGIONS = {200: data("Those that one has registered", Named("SharedMemoryRegions", (list[ShownRegion],)))}
REGION = (Parameter("region", "path", "The name of the region", {"type": "string"}),)
DONE = {200: data("It is done", Done)}
HOST, GPU = "/v2/systemsharedmemory", "/v2/cudasharedmemory"


def memory_rows(of: Callable[[Handlers], ClientRegions]) -> Iterable[Endpoint]:
    """The rows, which `of` finds the handlers of."""
    one = f"{HOST}/region/{{region}}"
    yield Endpoint(
        "GET", f"{HOST}/status", lambda on: of(on).status, PREDICT,
        TAG, "shared_memory", "The regions of shared memory that one has registered", REGIONS, (501,),
    )  # fmt: skip
    yield Endpoint(
        "GET", f"{one}/status", lambda on: of(on).status_of_one, PREDICT,
        TAG, "shared_memory_region", "A region of shared memory", REGIONS, (501, *FOUND), parameters=REGION,
    )  # fmt: skip
    yield Endpoint(
        "POST", f"{one}/register", with_body(NewRegion, lambda on: of(on).register), PREDICT,
        TAG, "register_shared_memory", "Register shared memory of this machine under a name", DONE,
        (409, 501, 507, *SENT), parameters=REGION,
    )  # fmt: skip
    yield Endpoint(
        "POST", f"{one}/unregister", lambda on: of(on).unregister, PREDICT,
        TAG, "unregister_shared_memory", "Use a region no longer", DONE, (501, 507), parameters=REGION,
    )  # fmt: skip
    yield Endpoint(
        "POST", f"{HOST}/unregister", lambda on: of(on).unregister_all, PREDICT,
        TAG, "unregister_all_shared_memory", "Use none of one's regions any longer", DONE, (501, 507),
    )  # fmt: skip
    yield from _of_gpus(of)


def _of_gpus(of: Callable[[Handlers], ClientRegions]) -> Iterable[Endpoint]:
    one, no = f"{GPU}/region/{{region}}", "Refused: no memory of GPUs is read"
    for path, name in ((GPU, "cuda_memory"), (one, "cuda_memory_region")):
        region = REGION if path == one else ()
        yield Endpoint(
            "GET", f"{path}/status", lambda on: of(on).refuse_cuda, PREDICT,
            TAG, name, no, errors=(501,), parameters=region,
        )  # fmt: skip
        yield Endpoint(
            "POST", f"{path}/unregister", lambda on: of(on).refuse_cuda, PREDICT,
            TAG, f"unregister_{name}", no, errors=(501,), parameters=region,
        )  # fmt: skip
    yield Endpoint(
        "POST", f"{one}/register", with_body(NewCudaRegion, lambda on: of(on).register_cuda), PREDICT,
        TAG, "register_cuda_memory", no, errors=(501, *SENT), parameters=REGION,
    )  # fmt: skip
