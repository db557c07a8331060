"""The Kubernetes manifests fit Kubernetes' own schemas, and say what the code and docker-compose.yml say."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.__main__ import SERVICES
from services.console.handler.secret_files import Addresses, init
from shared.messaging.topology import work_queues
from shared.settings import PREFIX, Section
from shared.storage.database import Database

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    import kubernetes_validate

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
OF_KEDA = ("ScaledObject", "TriggerAuthentication")


def objects() -> list[dict[str, Any]]:
    files = [path for path in sorted(FOLDER.glob("*.yaml")) if path.name != "kustomization.yaml"]
    return [each for path in files for each in yaml.safe_load_all(path.read_text("utf-8"))]


ALL = objects()
PODS = {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in ALL if one["kind"] in ("Deployment", "Job")}
DEPLOYED = {one["metadata"]["name"]: one for one in ALL if one["kind"] == "Deployment"}


def name(one: dict[str, Any]) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


@pytest.mark.parametrize("one", [each for each in ALL if each["kind"] not in OF_KEDA], ids=name)
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_every_manifest_fits_the_schema_of_kubernetes(one: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)


def test_a_manifest_that_does_not_fit_is_found() -> None:
    broken = {**DEPLOYED["scheduler"], "spec": {**DEPLOYED["scheduler"]["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.37", strict=True)


def test_every_service_of_the_pipeline_is_deployed() -> None:
    started = {PODS[each]["containers"][0]["args"][1] for each in DEPLOYED}
    assert started == set(SERVICES) - {"simulator"}


@pytest.mark.parametrize("pod", PODS)
def test_every_pod_is_confined(pod: str) -> None:
    container = PODS[pod]["containers"][0]
    assert PODS[pod]["securityContext"]["runAsNonRoot"] is True
    assert PODS[pod]["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("pod", DEPLOYED)
def test_every_service_is_probed_and_has_time_to_end(pod: str) -> None:
    container = PODS[pod]["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert PODS[pod]["terminationGracePeriodSeconds"] > 20


def environment(pod: str) -> dict[str, str]:
    settings = next(one for one in ALL if one["kind"] == "ConfigMap")["data"]
    return settings | {each["name"]: each["value"] for each in PODS[pod]["containers"][0].get("env", [])}


@pytest.mark.parametrize("pod", PODS)
def test_every_setting_is_one_that_the_code_reads_and_every_secret_is_handed_out(pod: str, tmp_path: Path) -> None:
    init(tmp_path, Addresses())
    known = {PREFIX + field.upper() for section in Section.__subclasses__() for field in section.model_fields}
    found = environment(pod)
    assert set(found) <= known | {f"{each}_FILE" for each in known}
    secret = next(volume["secret"]["secretName"] for volume in PODS[pod]["volumes"] if "secret" in volume)
    folder = tmp_path / secret.removeprefix("apiconnect-").replace("-", "_")
    read = {Path(value).name for variable, value in found.items() if variable.endswith("_FILE")}
    assert read <= {path.name for path in folder.iterdir()}


def test_only_the_scheduler_creates_queues() -> None:
    assert {pod for pod in PODS if environment(pod)["APICONNECT_RABBITMQ_CREATES"] == "true"} == {"scheduler"}


def test_what_grows_with_its_queue_is_a_deployment_and_the_queue_is_its_own() -> None:
    scaled = [one for one in ALL if one["kind"] == "ScaledObject" and one["spec"]["triggers"][0]["type"] == "rabbitmq"]
    access = {one["metadata"]["name"]: one["spec"]["secretTargetRef"][0] for one in ALL if one["kind"] == OF_KEDA[1]}
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} == {"fetcher", "classifier", "actions"}
    for one in scaled:
        service, (trigger,) = one["spec"]["scaleTargetRef"]["name"], one["spec"]["triggers"]
        assert service in DEPLOYED
        assert trigger["metadata"]["queueName"] in work_queues()
        assert trigger["metadata"]["queueName"].startswith(f"{service}.")
        assert int(trigger["metadata"]["value"]) > 0
        login = access[trigger["authenticationRef"]["name"]]
        assert (login["parameter"], login["name"], login["key"]) == ("host", f"apiconnect-{service}", "rabbitmq_url")
        assert one["spec"]["minReplicaCount"] < one["spec"]["maxReplicaCount"]


def test_senders_grow_with_the_sends_that_are_due_as_the_database_counts_them(database: Database) -> None:
    (one,) = [each for each in ALL if each["kind"] == "ScaledObject" and each["metadata"]["name"] == "sender"]
    (trigger,) = one["spec"]["triggers"]
    (access,) = [each for each in ALL if each["metadata"]["name"] == trigger["authenticationRef"]["name"]]
    assert access["spec"]["secretTargetRef"] == [
        {"parameter": "connection", "name": "apiconnect-sender", "key": "database_url"}
    ]
    with database.transaction() as connection:
        assert connection.execute(trigger["metadata"]["query"].encode()).fetchone() == (0,)


def test_the_kustomization_names_every_file() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert set(listed) == {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}


def test_no_secret_is_written_down() -> None:
    text = "\n".join(path.read_text("utf-8") for path in FOLDER.iterdir())
    assert [one for one in ALL if one["kind"] == "Secret"] == []
    assert re.findall(r"://[^/\s:]+:[^@\s]+@", text) == []
