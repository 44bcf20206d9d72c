"""The API keeps what its own description promises, whatever is thrown at it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from streams.api.server import Pace
from streams.api.spec import document
from tests.api.live import Live, live
from tests.api.test_server import ROWS

DESCRIPTION = document("test")
SCHEMA = schemathesis.openapi.from_dict(document("test"))  # which writes into what it is given


@SCHEMA.hook
def map_body(context: Any, body: Any) -> Any:
    """To JSON Schema -98.0 is an integer; a client that writes a time so is told that it is none."""
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [map_body(context, item) for item in body]
    return {name: map_body(context, item) for name, item in body.items()} if isinstance(body, dict) else body


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("api"), ROWS, pace=Pace(1e6, 1e6, 1e6, 1e6)) as running:
        yield running


@SCHEMA.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_one_of_those_described(case: schemathesis.Case, api: Live) -> None:
    case.call_and_validate(base_url=api.url, headers=api.bearer())


def test_the_description_is_served_and_its_schemas_are_schemas(api: Live) -> None:
    assert requests.get(f"{api.url}/openapi.json", timeout=10).json() == json.loads(json.dumps(DESCRIPTION))
    for schema in DESCRIPTION["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_path_that_is_served_is_described(api: Live) -> None:
    served = {r.resource.canonical for r in api.server.app().router.routes() if r.resource is not None}
    assert served - {"/openapi.json"} == set(DESCRIPTION["paths"])
