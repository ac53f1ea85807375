import re
from typing import Any

import msgspec
import pytest

from hutong.model.errors import CATALOGUE
from hutong.server.endpoint import Endpoint
from hutong.server.endpoints import ENDPOINTS
from hutong.server.openapi import codes_of, openapi
from hutong.server.tokens import Scope
from tests.unit.server.world import World, on_hub

DOCUMENT = msgspec.json.decode(msgspec.json.encode(openapi()))


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in references(each)]
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    return []


def operation(endpoint: Endpoint) -> dict[str, Any]:
    path = re.sub(r"{(\w+):\w+}", r"{\1}", endpoint.path)
    found = DOCUMENT["paths"][path][endpoint.method.lower()]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_an_endpoint_is_described(endpoint: Endpoint) -> None:
    found = operation(endpoint)
    assert found["operationId"] == endpoint.name
    assert found["summary"].endswith(".")
    assert bool(found["security"]) is (Scope.ANYBODY not in endpoint.scopes)
    assert str(endpoint.status) in found["responses"]
    for code in endpoint.errors:
        assert f"`{code}`" in found["responses"][str(CATALOGUE[code].status)]["description"]
    names = re.findall(r"{(\w+)", endpoint.path)
    assert [each["name"] for each in found["parameters"] if each["in"] == "path"] == names


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    missing = {ref for ref in references(DOCUMENT) if ref.rpartition("/")[2] not in schemas}
    assert missing == set()


def test_names_of_operations_are_used_once() -> None:
    names = [endpoint.name for endpoint in ENDPOINTS]
    assert len(set(names)) == len(names)


def test_a_request_says_that_unknown_fields_are_refused() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name in ("SubmitRequest", "JobSpec", "Program", "TaskNeeds", "TenantRequest", "Quota"):
        assert schemas[name]["additionalProperties"] is False, name
    for name in ("JobView", "SiteView", "SyncRequest", "Observation"):
        assert "additionalProperties" not in schemas[name], name
    assert schemas["JobSpec"]["properties"]["tasks"]["maximum"] == 2**53 - 1
    assert schemas["Observation"]["properties"]["started_ms"]["maximum"] == 2**43


def test_what_an_endpoint_may_answer_follows_from_what_it_takes() -> None:
    by_name = {endpoint.name: codes_of(endpoint) for endpoint in ENDPOINTS}
    assert "request.unknown_field" in by_name["jobs.submit"]
    assert "request.unknown_field" not in by_name["agent.sync"]
    assert "auth.missing" not in by_name["live"]
    assert "request.too_many_streams" in by_name["events"]
    assert set().union(*by_name.values()) <= set(CATALOGUE)


@on_hub
async def test_the_hub_gives_its_description(world: World) -> None:
    answer = await world.get("/v1/openapi.json", token="")
    assert (answer.status, answer.headers[b"content-type"]) == (200, b"application/json")
    assert answer.json() == DOCUMENT
