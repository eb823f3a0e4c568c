"""The models as OpenAI's clients list them, and as those of KServe V1 and TensorFlow Serving ask for them."""

from __future__ import annotations

from modelport.api.credentials import check
from modelport.api.health import can_answer
from modelport.contract.signature import OF_TEXT
from modelport.dialects.openai.bodies import ListedModel, ListedModels, OneModel, VersionStatus
from modelport.dialects.openai.server.calls import OpenAiCalls
from modelport.engine.ports import Engine, Pool, PoolState
from modelport.identity.principals import AccessScope, Principal

# States in the words of TensorFlow Serving (`get_model_status.proto`); what is none of them is START.
AT_WORK = {
    PoolState.LOADING: "LOADING",
    PoolState.WARMING: "LOADING",
    PoolState.WAKING: "LOADING",
    PoolState.UNLOADING: "UNLOADING",
    PoolState.FAILED: "END",
    PoolState.UNLOADED: "END",
    PoolState.STOPPED: "END",
}


def listed(engine: Engine, by: Principal) -> ListedModels:
    """The models that somebody may ask. One that loads for the first time has not said what it does."""
    known = [pool for name, pool in engine.pools.items() if by.may(AccessScope.PREDICT, name)]
    data = [ListedModel(pool.name, _created(pool)) for pool in known if is_of_text(pool)]
    return ListedModels(data, [pool.name for pool in known])


def is_of_text(pool: Pool) -> bool:
    """Whether a model chats, completes or embeds."""
    signature = pool.signature
    return signature is not None and any(signature.operation(verb).implemented for verb in OF_TEXT)


async def one_model(calls: OpenAiCalls, name: str, by: Principal) -> OneModel:
    """What there is to say of a model, or of a version of it. Raises `Problem` 404.

    Whether a model can answer anybody may ask; which versions it has, who may read it.
    """
    model, wanted = calls.divided(name)
    if wanted is not None:
        check(by, AccessScope.READ, model)
    named = await calls.named(name, by)
    pool = named.live
    ready = can_answer(calls.engine, pool)
    state = "AVAILABLE" if ready else AT_WORK.get(pool.state, "START")
    version = str(named.version if named.version is not None else pool.version)
    status = VersionStatus(version, state, {"error_code": "OK", "error_message": ""})
    return OneModel(name, _created(pool), name, ready, [status])


def _created(pool: Pool) -> int:
    return int(pool.state_since)
