"""Who may come in by gRPC, what limits them, what is told of it; TLS, and where it is not spoken."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import tritonclient.grpc as triton
from certificates import Authority, Pair
from grpc_clients import Raw, address_of, given, grpc_serving, request_for
from serving import Server, environment, serving, wait_until

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
EXHAUSTED, INVALID = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelport", *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def made_key(data: Path, name: str, *options: str) -> str:
    done = command("keys", "create", "--name", name, "--data-dir", str(data), *options)
    assert done.returncode == 0, done.stderr
    return next(word for word in done.stdout.split() if word.startswith("mpk_"))


def one(model: str = "adds") -> Any:
    request = request_for(model)
    given(request, "x", "FP64", [1]).contents.fp64_contents.append(1)
    return request


def by(key: str) -> dict[str, Any]:
    return {"metadata": (("authorization", f"Bearer {key}"),)}


# -- keys --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = tmp_path_factory.mktemp("data")
    found = {
        "predicts": made_key(data, "predicts", "--scopes", "predict,read"),
        "other": made_key(data, "other", "--scopes", "predict", "--models", "plain"),
        "reads": made_key(data, "reads", "--scopes", "read"),
        "few": made_key(data, "few", "--scopes", "predict", "--rate", "2/h"),
    }
    return {**found, "data": str(data)}


@pytest.fixture(scope="module")
def closed(keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    log = tmp_path_factory.mktemp("log") / "access.log"
    models = ("adds=tensor_models:Adds", "plain=tensor_models:Plain")
    options = ("--auth", "on", "--data-dir", keys["data"])
    logged = ("--access-log", "json", "--access-log-file", str(log))
    with grpc_serving(*models, *options, *logged) as (server, address):
        server.log_file = log  # type: ignore[attr-defined]
        yield server, address


@pytest.fixture
def raw(closed: tuple[Server, str]) -> Iterator[Raw]:
    made = Raw(closed[1])
    yield made
    made.channel.close()


def test_a_key_lets_in_and_nothing_else_does(raw: Raw, keys: dict[str, str]) -> None:
    for _ in range(2):  # not known yet, and known
        assert raw.infer(one(), **by(keys["predicts"])).model_name == "adds"
    assert raw.infer(one(), metadata=(("x-api-key", keys["predicts"]),)).model_name == "adds"
    code, said = raw.refused(one())
    assert code is UNAUTHENTICATED
    assert "this server answers who has a key" in said
    wrong = "mpk_" + "a" * 40
    assert raw.refused(one(), **by(wrong))[0] is UNAUTHENTICATED
    assert wrong not in raw.refused(one(), **by(wrong))[1]
    twice = (("authorization", f"Bearer {keys['predicts']}"), ("x-api-key", keys["predicts"]))
    assert raw.refused(one(), metadata=twice)[0] is UNAUTHENTICATED


def test_a_key_may_do_what_its_scopes_say(raw: Raw, keys: dict[str, str], closed: tuple[Server, str]) -> None:
    assert raw.refused(one(), **by(keys["other"]))[0] is DENIED
    assert raw.refused(one(), **by(keys["reads"]))[0] is DENIED
    code, said = raw.refused(one("nothing"), **by(keys["predicts"]))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "there is: adds, plain" in said
    assert "adds" not in raw.refused(one("nothing"), **by(keys["other"]))[1]  # which may not use that one
    with triton.InferenceServerClient(closed[1]) as client:
        assert client.is_server_live()  # open to anybody
        assert client.is_server_ready()
        for call, key, code in (
            (client.get_model_metadata, "", "UNAUTHENTICATED"),
            (client.get_model_metadata, keys["other"], "PERMISSION_DENIED"),
            (client.unload_model, keys["reads"], "PERMISSION_DENIED"),
            (client.get_model_config, keys["other"], "PERMISSION_DENIED"),
        ):
            headers = {"authorization": f"Bearer {key}"} if key else None
            with pytest.raises(triton.InferenceServerException) as error:
                call("adds", headers=headers)
            assert error.value.status() == f"StatusCode.{code}"
        shown = client.get_model_repository_index({"authorization": f"Bearer {keys['reads']}"})
        assert {model.name for model in shown.models} == {"adds", "plain"}
    with pytest.raises(grpc.RpcError) as refused:
        list(raw.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")(iter([])))
    assert refused.value.code() is UNAUTHENTICATED


def test_a_stream_of_nobody_is_refused(raw: Raw, keys: dict[str, str]) -> None:
    call = raw.channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
    for metadata, code in ((None, UNAUTHENTICATED), (by(keys["other"])["metadata"], DENIED)):
        with pytest.raises(grpc.RpcError) as refused:
            list(call(iter([one().SerializeToString()]), timeout=20, metadata=metadata))
        assert refused.value.code() is code
    sent = iter([one().SerializeToString()] * 2)
    assert len(list(call(sent, timeout=20, **by(keys["predicts"])))) == 2


def test_a_rate_limits_calls_and_says_for_how_long(raw: Raw, keys: dict[str, str]) -> None:
    call = raw.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    message = one().SerializeToString()
    for _ in range(2):
        _, done = call.with_call(message, timeout=20, **by(keys["few"]))
        told = dict(done.trailing_metadata())
        assert told["x-request-id"]
        assert "ratelimit" in told
    with pytest.raises(grpc.RpcError) as refused:
        call(message, timeout=20, **by(keys["few"]))
    assert refused.value.code() is EXHAUSTED
    assert "2 requests" in refused.value.details()
    told = dict(refused.value.trailing_metadata())
    assert int(told["grpc-retry-pushback-ms"]) == 1000 * int(told["retry-after"]) > 0


def test_calls_are_told_of_as_requests_are(
    raw: Raw, keys: dict[str, str], closed: tuple[Server, str]
) -> None:
    server = closed[0]
    more = (("x-request-id", "mine-7"),)
    raw.infer(one(), metadata=(*by(keys["predicts"])["metadata"], *more))
    lines: list[dict[str, Any]] = []

    def is_told() -> bool:
        text = server.log_file.read_text()  # type: ignore[attr-defined]
        lines[:] = [json.loads(line) for line in text.splitlines()]
        return any(line.get("client_request_id") == "mine-7" for line in lines)

    wait_until(is_told, lambda: str(lines))
    (line,) = [one for one in lines if one.get("client_request_id") == "mine-7"]
    assert (line["method"], line["path"]) == ("GRPC", "/inference.GRPCInferenceService/ModelInfer")
    assert (line["status"], line["model"]) == (200, "adds")
    assert "predicts" in json.dumps(line)
    assert {one["status"] for one in lines if one["method"] == "GRPC"} >= {200, 401, 403, 429}
    page = server.client.get("/metrics", headers={"authorization": f"Bearer {keys['reads']}"}).text
    assert 'dialect="grpc"' in page


# -- what there is a limit of ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> Iterator[str]:
    options = ("--grpc-max-message", "100000", "--body-timeout", "1", "--hide-model-errors")
    models = ("adds=tensor_models:Adds", "fails=tensor_models:Fails", "large=tensor_models:Large")
    with grpc_serving(*models, *options, "--max-answer-memory", "1000000") as (_, address):
        yield address


def test_a_message_that_is_too_large_is_refused(small: str) -> None:
    raw = Raw(small)
    request = request_for("adds")
    given(request, "x", "FP32", [50_000], bytes(200_000))
    assert raw.refused(request)[0] is EXHAUSTED
    assert raw.infer(one()).model_name == "adds"
    raw.channel.close()


def test_a_message_that_does_not_come_is_waited_for_no_longer(small: str) -> None:
    answered = threading.Event()

    def nothing() -> Iterator[bytes]:
        answered.wait(30)
        yield from ()

    with grpc.insecure_channel(small) as channel:
        call = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as refused:
            call(nothing(), timeout=20)
        answered.set()
        assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "no whole message has come within 1 s" in refused.value.details()


def test_words_of_a_model_are_hidden(small: str) -> None:
    raw = Raw(small)
    request = request_for("fails")
    given(request, "x", "FP64", [1]).contents.fp64_contents.append(2)
    assert raw.refused(request) == (grpc.StatusCode.INTERNAL, "the model failed")
    raw.channel.close()


# -- where it is spoken ------------------------------------------------------------------------------


def test_elsewhere_than_on_the_loopback_somebody_must_say_who_may_come_in(tmp_path: Path) -> None:
    socket = str(tmp_path / "socket")
    done = command("serve", "tensor_models:Adds", "--grpc-port", "0", "--host", "0.0.0.0", "--uds", socket)
    assert done.returncode == 2
    assert "grpc_port: listening on 0.0.0.0 lets others reach this server: say auth on" in done.stderr


def test_a_port_that_is_taken_is_named(small: str) -> None:
    port = small.rpartition(":")[2]
    done = command("serve", "tensor_models:Adds", "--port", "0", "--grpc-port", port)
    assert done.returncode == 3, done.stderr
    assert f"cannot listen on 127.0.0.1:{port} for gRPC; --grpc-port names another port" in done.stderr


def test_without_grpcio_it_is_said_what_is_missing(tmp_path: Path) -> None:
    hides = "import sys\nsys.modules['grpc'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hides)
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    done = command("serve", "tensor_models:Adds", "--port", "0", "--grpc-port", "0", PYTHONPATH=path)
    assert done.returncode == 2, done.stderr
    assert "pip install 'modelport[grpc]'" in done.stderr


def test_grpcio_is_imported_only_where_it_is_spoken() -> None:
    code = "import sys, modelport.serving.life, modelport.dialects.grpc.codec; print('grpc' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_a_unix_socket_and_grpc_go_together(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with grpc_serving("adds=tensor_models:Adds", "--uds", str(path)) as (server, address):
        raw = Raw(address)
        assert raw.infer(one()).model_name == "adds"
        raw.channel.close()
        assert server.client.get("/v2/health/live").status_code == 200


# -- TLS ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def credentials(authority: Authority, pair: Pair | None = None) -> grpc.ChannelCredentials:
    if pair is None:
        return grpc.ssl_channel_credentials(authority.file.read_bytes())
    return grpc.ssl_channel_credentials(
        authority.file.read_bytes(), pair.key.read_bytes(), pair.cert.read_bytes()
    )


def test_tls_is_that_of_http_and_new_with_its_files(authority: Authority, tmp_path: Path) -> None:
    """The key has a password; the certificate is replaced while the server runs."""
    first, other = authority.pair(password="open"), Authority(tmp_path, "another authority")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(first.cert.read_bytes())
    key.write_bytes(first.key.read_bytes())
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    import ssl

    verify = ssl.create_default_context(cafile=authority.file)
    with grpc_serving(
        "adds=tensor_models:Adds", *options, verify=verify, MODELPORT_TLS_KEY_PASSWORD="open"
    ) as (server, address):
        secure = Raw(address, credentials(authority))
        assert secure.infer(one()).model_name == "adds"
        secure.channel.close()
        plain = Raw(address)
        assert plain.refused(one(), seconds=10)[0] is grpc.StatusCode.UNAVAILABLE
        plain.channel.close()
        replaced = other.pair(password="open")
        key.write_bytes(replaced.key.read_bytes())
        cert.write_bytes(replaced.cert.read_bytes())
        server.wait_for_log("new connections get the certificate")
        anew = Raw(address, credentials(other))
        assert anew.infer(one()).model_name == "adds"
        anew.channel.close()
        assert "Traceback" not in server.log


def test_a_certificate_is_who_asks(authority: Authority, tmp_path: Path) -> None:
    pair, shop = authority.pair(), authority.pair("shop")
    options = (
        "--tls-cert",
        str(pair.cert),
        "--tls-key",
        str(pair.key),
        "--tls-client-ca",
        str(authority.file),
    )
    holders = ("--auth", "on", "--tls-clients", "cn:shop=predict on plain", "--data-dir", str(tmp_path))
    models = ("adds=tensor_models:Adds", "plain=tensor_models:Plain")
    with serving(*models, *options, *holders, "--grpc-port", "0", wait=False, verify=None) as server:
        address = address_of(server)
        server.wait_for_log("adds: ready")
        held = Raw(address, credentials(authority, shop))
        code, said = held.refused(one())
        assert code is DENIED
        assert "it needs predict on the model 'adds'" in said
        held.channel.close()
        nobody = Raw(address, credentials(authority))
        assert nobody.refused(one(), seconds=10)[0] is grpc.StatusCode.UNAVAILABLE
        nobody.channel.close()
