"""The chart makes objects that Kubernetes takes, that fit together, and whose pods are servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_types
import pytest
import yaml
from gotpl import TemplateExecutionError
from helm_chart import CHART, rendered, the, values
from serving import MODELS, serving
from shown_metrics import OF_TARGETS, SHOWN, wrong_in

from modelport.api.endpoints.table import ENDPOINTS
from modelport.settings.checking import declarations
from modelport.settings.files import settings_of_file

MODEL = f'[models.Twice]\nsource = "{MODELS}/reached.py:Twice"\n'
DATABASE = {"secrets": {"database_url": "postgresql://u:p@db/x"}, "filesUrl": "s3://bucket/files"}
SHARED_DISK = {"persistence": {"enabled": True, "accessMode": "ReadWriteMany"}, "existingSecret": "of-mine"}
COMBINATIONS: dict[str, dict[str, Any]] = {
    "nothing said": {},
    "models": {"settings": MODEL, "auth": "off"},
    "settings alone": {
        "settings": "timeout = 30\n",
        "args": ["flowers=/mnt/models"],
        "models": {"existingClaim": "m"},
    },
    "secrets in the file": {"settings": f'environment = {{KEY = "x"}}\n{MODEL}'},
    "secrets of a model": {"settings": f'{MODEL}environment = {{KEY = "x"}}\n'},
    "TLS below a path": {"settings": 'base_path = "/ml/"\ntls_cert = "/tls/tls.crt"\n'},
    "one disk": {"persistence": {"enabled": True, "storageClass": "fast", "size": "1.5Gi"}},
    "a disk of mine": {"persistence": {"enabled": True, "existingClaim": "disk"}},
    "several": {"replicas": 3, **DATABASE},
    "scaled by hpa": {"autoscaling": {"enabled": True}, **SHARED_DISK},
    "scaled by keda": {"autoscaling": {"enabled": True, "kind": "keda"}, **DATABASE},
    "gRPC": {"grpc": {"enabled": True}, "service": {"type": "LoadBalancer", "annotations": {"a.b/c": "d"}}},
    "closed": {
        "networkPolicy": {
            "enabled": True,
            "from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}],
            "metricsFrom": [{"podSelector": {}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 5432}]}],
        },
        "grpc": {"enabled": True},
    },
    "open": {"networkPolicy": {"enabled": True}},
    "ingress": {
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "hosts": ["a.example", "b.example"],
            "tlsSecret": "t",
        }
    },
    "gateway": {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gate"}], "hostnames": ["a.example"]}},
    "watched": {
        "metrics": {"serviceMonitor": {"enabled": True, "labels": {"r": "p"}, "keySecret": {"name": "k"}}}
    },
    "watched openly": {"metrics": {"open": True, "serviceMonitor": {"enabled": True}}, "auth": "off"},
    "with all about pods": {
        "imagePullSecrets": [{"name": "x"}],
        "env": [{"name": "HF_HOME", "value": "/data/hf"}],
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "2Gi", "nvidia.com/gpu": "1"}},
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "nodeSelector": {"gpu": "yes"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "volumes": [{"name": "tls", "secret": {"secretName": "tls"}}],
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        "podSecurityContext": {"fsGroup": None},
        "serviceAccount": {"create": False},
    },
}
OF_OTHERS = {"keda.sh/v1alpha1", "gateway.networking.k8s.io/v1", "monitoring.coreos.com/v1"}


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("given", COMBINATIONS.values(), ids=COMBINATIONS)
def test_kubernetes_takes_what_is_made_and_it_fits_together(given: dict[str, Any]) -> None:
    objects = rendered(**given)
    for one in objects:
        assert one["apiVersion"] in OF_OTHERS or kubernetes_types.wrong_in(one) == []
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,62}", one["metadata"]["name"])
    pod = the(objects, "Deployment")["spec"]["template"]
    server = container(objects)
    labels = pod["metadata"]["labels"].items()
    assert the(objects, "Service")["spec"]["selector"].items() <= labels
    assert the(objects, "Deployment")["spec"]["selector"]["matchLabels"].items() <= labels
    ports = {port["name"] for port in server["ports"]}
    assert {port["targetPort"] for port in the(objects, "Service")["spec"]["ports"]} == ports
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in server["volumeMounts"]} == set(volumes)
    made = {(one["kind"], one["metadata"]["name"]) for one in objects}
    for volume in volumes.values():
        for kind, key, field in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
            if volume["name"] == "settings" and key in volume:
                assert (kind, volume[key][field]) in made
    for source in server.get("envFrom", []):
        name = source["secretRef"]["name"]
        assert ("Secret", name) in made or name == "of-mine"
    own = {
        one["name"].removeprefix("MODELPORT_").lower() for one in server["env"] if "MODELPORT_" in one["name"]
    }
    assert own - set(declarations()) <= {"config"}
    assert pod["spec"]["terminationGracePeriodSeconds"] > server["lifecycle"]["preStop"]["sleep"]["seconds"]
    for kind in ("Secret", "ConfigMap"):
        named = [
            one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith("-settings")
        ]
        wanted = "environment" in given.get("settings", "")
        assert len(named) == (bool(given.get("settings")) and wanted == (kind == "Secret"))


def test_probes_are_asked_where_the_server_answers() -> None:
    known = {row.path for row in ENDPOINTS}
    for given, base, scheme in (({}, "", "HTTP"), (COMBINATIONS["TLS below a path"], "/ml", "HTTPS")):
        server = container(rendered(**given))
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = server[probe]["httpGet"]
            assert (asked["scheme"], asked["port"]) == (scheme, "http")
            assert asked["path"].startswith(base)
            assert asked["path"].removeprefix(base) in known
        assert server["readinessProbe"]["httpGet"]["path"].endswith("/ready")


def test_replicas_follow_metrics_that_there_are() -> None:
    scaled = the(rendered(**COMBINATIONS["scaled by hpa"]), "HorizontalPodAutoscaler")
    names = [metric["pods"]["metric"]["name"] for metric in scaled["spec"]["metrics"]]
    assert names == ["modelport_queue_calls", "modelport_running_calls"]
    assert set(names) <= set(SHOWN)
    objects = rendered(**COMBINATIONS["scaled by keda"])
    spec = the(objects, "ScaledObject")["spec"]
    assert spec["scaleTargetRef"]["name"] == the(objects, "Deployment")["metadata"]["name"]
    assert "replicas" not in the(objects, "Deployment")["spec"]
    for trigger in spec["triggers"]:
        query = trigger["metadata"]["query"]
        assert 'namespace="lab",service="shop-modelport"' in query
        assert the(objects, "Service")["metadata"]["name"] == "shop-modelport"
        assert wrong_in(query.replace("namespace=", "instance=").replace("service=", "job=")) == []
        assert trigger["metadata"]["threshold"].isdigit()
    assert {"instance", "job"} == OF_TARGETS


def test_prometheus_comes_to_the_port_of_the_metrics_with_its_key() -> None:
    objects = rendered(**COMBINATIONS["watched"])
    [endpoint] = the(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in the(objects, "Service")["spec"]["ports"]}
    assert endpoint["authorization"]["credentials"] == {"name": "k", "key": "key"}
    [endpoint] = the(rendered(**COMBINATIONS["watched openly"]), "ServiceMonitor")["spec"]["endpoints"]
    assert "authorization" not in endpoint


def test_routes_lead_to_the_service() -> None:
    objects = rendered(**COMBINATIONS["gateway"], ingress={"enabled": True, "hosts": ["a.example"]})
    service = the(objects, "Service")
    [backend] = the(objects, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    assert backend == {"name": service["metadata"]["name"], "port": service["spec"]["ports"][0]["port"]}
    [rule] = the(objects, "Ingress")["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"] == {
        "name": backend["name"],
        "port": {"name": "http"},
    }


def test_the_settings_are_the_file_as_it_is_and_secrets_are_those_that_the_server_knows(
    tmp_path: Path,
) -> None:
    text = f'# Ours: "two" \\ words\ntimeout = 30\n{MODEL}'
    file = the(rendered(settings=text), "ConfigMap")["data"]["service.toml"]
    assert file == text
    (tmp_path / "service.toml").write_text(file)
    assert settings_of_file(tmp_path / "service.toml").values["timeout"].value == 30
    secret = {name for name, known in declarations().items() if known.secret}
    names = (
        (CHART / "templates" / "_names.tpl")
        .read_text()
        .partition("range $name := list")[2]
        .partition("}}")[0]
    )
    assert set(re.findall(r"\w+", names)) == secret
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert set(schema["properties"]["secrets"]["properties"]) == secret - {"environment"}
    named = the(rendered(**COMBINATIONS["several"]), "Secret")["stringData"]
    assert named == {"MODELPORT_DATABASE_URL": DATABASE["secrets"]["database_url"]}


@pytest.mark.parametrize(
    "given",
    [
        {"auth": "maybe"}, {"replicas": -1}, {"replicas": "2"}, {"replcas": 2}, {"image": {"repository": ""}},
        {"secrets": {"databse_url": "x"}}, {"secrets": {"timeout": "3"}}, {"filesUrl": "/disk"},
        {"grpc": {"port": 80}}, {"autoscaling": {"enabled": True, "kind": "vpa"}},
        {"autoscaling": {"minReplicas": 0}}, {"persistence": {"size": "many"}},
        {"ingress": {"enabled": True}},
        {"httpRoute": {"enabled": True}},
        {"service": {"type": "None"}}, {"preStopSeconds": 0}, {"args": "x"}, {"env": [{"value": "x"}]},
        {"networkPolicy": {"form": []}}, {"metrics": {"serviceMonitor": {"interval": "often"}}},
    ],
    ids=str,
)  # fmt: skip
def test_values_that_mean_nothing_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        values(**given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"settings": "timeout = "}, "settings is no TOML"),
        ({"settings": "port = 80"}, "settings: port is the chart's, instead of it there is service.port"),
        ({"replicas": 2}, "several replicas need a database"),
        ({"replicas": 2, "secrets": DATABASE["secrets"]}, "several replicas need files that all of them see"),
        ({"metrics": {"serviceMonitor": {"enabled": True}}}, "with auth on Prometheus needs a key"),
        (
            {"autoscaling": {"enabled": True, "minReplicas": 20}, **DATABASE},
            "minReplicas is above maxReplicas",
        ),
        ({"preStopSeconds": 60}, "terminationGracePeriodSeconds must be above preStopSeconds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_not_work_is_refused_with_what_to_do(given: dict[str, Any], said: str) -> None:
    with pytest.raises(TemplateExecutionError) as refused:
        rendered(**given)
    assert said in str(refused.value)


def test_a_pod_of_the_chart_is_a_server_that_answers(tmp_path: Path) -> None:
    objects = rendered(settings=MODEL, auth="off", grpc={"enabled": True})
    server = container(objects)
    (tmp_path / "service.toml").write_text(the(objects, "ConfigMap")["data"]["service.toml"])
    variables = {one["name"]: one["value"] for one in server["env"]}
    # What other processes of this machine may have is left to the system; the data folder is this test's.
    free = {"MODELPORT_PORT": "0", "MODELPORT_GRPC_PORT": "0", "MODELPORT_METRICS_PORT": "0"}
    local = {"MODELPORT_DATA_DIR": str(tmp_path / "data"), "MODELPORT_HOST": "127.0.0.1"}
    [file] = server["args"]
    assert file.startswith(next(m["mountPath"] for m in server["volumeMounts"] if m["name"] == "settings"))
    with serving(str(tmp_path / Path(file).name), **(variables | free | local)) as running:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert running.client.get(server[probe]["httpGet"]["path"]).status_code == 200
        assert running.client.post("/v2/models/Twice/predict", json={"number": 4}).json() == 8
