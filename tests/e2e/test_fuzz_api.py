"""The API's own description, turned against it.

Every operation gets requests that the description allows and ones that it forbids. None may meet a
fault, and every answer has a status, a content type and a form that the description names.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hutong.model.errors import CATALOGUE
from hutong.server.openapi import openapi
from tests.e2e.hub_process import HubProcess, job, running_hub
from tests.e2e.test_api import Agent

EXAMPLES = 15
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
YES_OR_NO = ("true", "false", "1", "0")
"""What the hub takes for a truth value in a query, in any case of letters."""


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: Any, value: Any) -> bytes:
    """Send what is generated for a bulk as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


schema = schemathesis.openapi.from_dict(openapi())
# A stream that never ends has no answer to compare; the others are told not to follow.
whole = schema.exclude(path="/v1/agent/stream")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    for hub in running_hub(tmp_path_factory.mktemp("fuzz") / "data"):
        agent = Agent(hub)
        agent.sync(full=True)
        agent.sync(full=True)
        with hub.client() as client:
            client.submit(job("one", tenant="acme"))
        yield hub


@whole.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_hub_keeps_to_its_description(case: Any, hub: HubProcess) -> None:
    checks = CHECKS
    if isinstance(case.query, dict) and str(case.query.get("follow")).lower() in YES_OR_NO:
        case.query["follow"] = "false"
        # What was forbidden may have been this word alone, and is allowed now.
        checks = [check for check in CHECKS if check is not negative_data_rejection]
    if "job" in case.path_parameters and len(str(case.path_parameters["job"])) % 2:
        case.path_parameters["job"] = "j1"
    headers = {"Authorization": f"Bearer {hub.token}"}
    response = case.call(base_url=hub.url, headers=headers, timeout=20)
    case.validate_response(response, checks=checks)
    assert response.headers["x-hutong-cause"]
    if response.status_code >= 400:
        body = response.json()
        assert CATALOGUE[body["code"]].status == response.status_code
        assert body["message"]
    assert hub.process is not None
    assert hub.process.poll() is None


def test_the_fuzzed_hub_met_no_fault(hub: HubProcess) -> None:
    """Comes after the fuzzing, and looks at what it left."""
    assert "fault" not in hub.errors.read_text()
    assert hub.request("GET", "/readyz").status == 200
