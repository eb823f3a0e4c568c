"""The runtimes for KServe are what it takes, and serve what it puts into their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_types
import numpy
import pytest
import skops.io
import yaml
from serving import ROOT, serving
from sklearn.linear_model import LinearRegression

from modelport.settings.checking import declarations

KSERVE = ROOT / "deploy" / "kserve"
RUNTIMES = [yaml.safe_load((KSERVE / name).read_text()) for name in ("runtime.yaml", "runtime-grpc.yaml")]
# Of what KServe's ServingRuntimeSpec and ModelSpec have (serving.kserve.io, v1alpha1 and v1beta1).
OF_RUNTIMES = {"annotations", "supportedModelFormats", "protocolVersions", "multiModel", "containers"}
OF_MODELS = {"modelFormat", "runtime", "protocolVersion", "storageUri", "env", "resources"}


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda one: one["metadata"]["name"])
def test_a_runtime_of_kserve_serves_what_it_puts_into_the_folder(
    runtime: dict[str, Any], tmp_path: Path
) -> None:
    assert (runtime["apiVersion"], runtime["kind"]) == ("serving.kserve.io/v1alpha1", "ClusterServingRuntime")
    assert set(runtime["spec"]) == OF_RUNTIMES
    [server] = runtime["spec"]["containers"]
    assert kubernetes_types.wrong_for(server, "core_v1", "Container") == []
    variables = {one["name"]: one["value"] for one in server["env"]}
    by_grpc = runtime["spec"]["protocolVersions"] == ["grpc-v2"]
    port = variables["MODELPORT_GRPC_PORT" if by_grpc else "MODELPORT_PORT"]
    assert [str(one["containerPort"]) for one in server["ports"]] == [port]
    assert runtime["spec"]["annotations"]["prometheus.kserve.io/port"] == variables["MODELPORT_PORT"]
    if by_grpc:
        return

    folder = tmp_path / "models"
    folder.mkdir()
    skops.io.dump(LinearRegression().fit(numpy.array([[0.0], [1.0]]), [0.0, 2.0]), folder / "model.skops")
    [argument] = server["args"]
    source = argument.replace("{{.Name}}", "houses").replace("/mnt/models", str(folder))
    local = {
        "MODELPORT_PORT": "0",
        "MODELPORT_HOST": "127.0.0.1",
        "MODELPORT_DATA_DIR": str(tmp_path / "data"),
    }
    with serving(source, **(variables | local)) as running:
        for probe in ("readinessProbe", "livenessProbe"):
            assert running.client.get(server[probe]["httpGet"]["path"]).status_code == 200
        answer = running.client.post("/v1/models/houses:predict", json={"instances": [[3.0]]})
        assert answer.json()["predictions"] == pytest.approx([6.0])
        tensor = {"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [3.0]}
        outputs = running.client.post("/v2/models/houses/infer", json={"inputs": [tensor]}).json()["outputs"]
        assert outputs[0]["data"] == pytest.approx([6.0])


def test_the_services_of_kserve_ask_for_what_the_runtimes_have() -> None:
    known = {one["metadata"]["name"]: one["spec"] for one in RUNTIMES}
    services = list(yaml.safe_load_all((KSERVE / "services.yaml").read_text()))
    assert len(services) == 3
    for service in services:
        assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
        model = service["spec"]["predictor"]["model"]
        assert set(model) <= OF_MODELS
        runtime = known[model["runtime"]]
        assert model["protocolVersion"] in runtime["protocolVersions"]
        assert model["modelFormat"]["name"] in {one["name"] for one in runtime["supportedModelFormats"]}
        for one in model.get("env", []):
            assert one["name"].removeprefix("MODELPORT_").lower() in declarations()
