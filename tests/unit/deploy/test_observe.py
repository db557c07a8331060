"""What operators look at: alert rules, their sections in the runbook, dashboards, and that both speak of metrics that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import shared.messaging.runner  # noqa: F401 - its counters are registered with it
from shared.messaging.topology import SEND_QUEUE, dead_queue, retry_queue, send_queue, work_queues
from shared.storage.gauges import FAMILIES
from shared.telemetry.state import PREFIX
from tests.observe.queries import FOLDER, alerts, all_queries, dashboards

ROOT = Path(__file__).parents[3]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
TESTED = (FOLDER / "alerts_test.yml").read_text("utf-8")
WANTED = {
    "NoSchedulerTick", "DeadLetters", "OldestMail", "TokenFailing", "SecretExpiring", "UnmatchedShare",
    "HardBounceSpike", "MailboxDisconnected", "SendsStandStill", "SendsUnknown", "RequestsRejected", "RequestsUnreadable",
}  # fmt: skip
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24


def known_metrics() -> set[str]:
    """Names as they are scraped."""
    own = {sample for family in REGISTRY.collect() for sample in _samples(family)}
    return own | {PREFIX + name for name in FAMILIES} | {f"{PREFIX}state_up"}


def _samples(family: Any) -> set[str]:
    if family.type == "counter":
        return {f"{family.name}_total"}
    if family.type == "histogram":
        return {f"{family.name}_bucket", f"{family.name}_count", f"{family.name}_sum"}
    return {family.name}


def sections() -> dict[str, str]:
    """Heading -> text, of the runbook's third level."""
    parts = re.split(r"^### (.+)$", RUNBOOK, flags=re.MULTILINE)
    return {
        name: re.split(r"^## ", text, flags=re.MULTILINE)[0]
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_the_alerts_that_an_operator_expects_are_there() -> None:
    assert {rule["alert"] for rule in alerts()} >= WANTED


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_each_alert_says_what_is_wrong_and_leads_to_its_own_section(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}"
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert len(sections()[name].split()) > 20


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_each_alert_has_a_case_for_promtool(rule: dict[str, Any]) -> None:
    assert f'alertname="{rule["alert"]}"' in TESTED


@pytest.mark.parametrize("query", list(all_queries()), ids=lambda query: query.where)
def test_each_query_names_metrics_that_exist(query: Any) -> None:
    named = set(re.findall(r"\bapiconnect_[a-z_]+", query.promql))
    assert named <= known_metrics()
    assert named or "rabbitmq_detailed_queue_" in query.promql


@pytest.mark.parametrize("query", list(all_queries()), ids=lambda query: query.where)
def test_no_query_adds_up_what_every_scheduler_shows(query: Any) -> None:
    for name in FAMILIES:
        for match in re.finditer(rf"(\w+)(?: by \([^)]*\))? ?\({PREFIX}{name}\b", query.promql):
            assert match[1] in ("max", "min"), match[0]


def test_the_queues_that_the_queries_name_are_the_works() -> None:
    named = {
        match for query in all_queries() for match in re.findall(r'queue=~"([^"]+)",queue!~"([^"]+)"', query.promql)
    }
    requests = (SEND_QUEUE, send_queue("shop"))
    queues = (*work_queues(), *requests)
    named_alike = 0
    for names, parked in named:

        def counted(queue: str, names: str = names, parked: str = parked) -> bool:
            return bool(re.fullmatch(names, queue)) and not re.fullmatch(parked, queue)

        found = {queue for queue in queues if counted(queue)}
        assert found in (set(queues), set(requests))
        assert not any(counted(name) for queue in queues for name in (dead_queue(queue), retry_queue("10s")))
        named_alike += 1
    assert named_alike == 2


@pytest.mark.parametrize(("name", "dashboard"), dashboards().items())
def test_a_dashboard_is_one_that_grafana_takes(name: str, dashboard: dict[str, Any]) -> None:
    assert dashboard["uid"] == f"apiconnect-{name.removesuffix('.json')}"
    assert dashboard["title"]
    assert dashboard["schemaVersion"] >= 36
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["type"] in ("stat", "timeseries", "table")
        assert panel["title"]
        assert panel["datasource"] == PROMETHEUS
        assert {target["refId"] for target in panel["targets"]} == set("ABCD"[: len(panel["targets"])])
        assert all(target["datasource"] == PROMETHEUS and target["expr"] for target in panel["targets"])
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= WIDTH
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_grafana_finds_its_datasource_and_its_dashboards() -> None:
    provisioning = FOLDER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    assert (source["type"], source["uid"]) == ("prometheus", "prometheus")
    (provider,) = yaml.safe_load((provisioning / "dashboards/apiconnect.yml").read_text("utf-8"))["providers"]
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["grafana"]["volumes"]
    assert f"./deploy/observe/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert "./deploy/observe/grafana/provisioning:/etc/grafana/provisioning:ro" in mounts


def test_the_dashboards_are_as_their_tables_say() -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_service_that_compose_starts_is_scraped() -> None:
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    names = scraped[0]["dns_sd_configs"][0]["names"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    measured = {
        name for name, service in services.items()
        if service.get("command", [""])[0] == "run" and service["command"][1] != "simulator"
    }  # fmt: skip
    assert set(names) == measured
