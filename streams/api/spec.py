"""The API's own description, OpenAPI 3.1, made from the contracts and the table of what it answers."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.contracts.verify import MAX_QUESTIONS, AccountFacts, Answer, Question, Refusal, SenderFacts

_REF = "#/components/schemas/{name}"
_ADDRESS = {"type": "string", "minLength": 1, "maxLength": 256}
_WHY = {
    400: "not understood: the sentence says what to change", 401: "no key, or one that is not in force",
    404: "none, or not the caller's", 413: "too large",
    429: "too many: Retry-After says when again",
    503: "not ready, or the audit log can't be written: nothing was answered",
}  # fmt: skip


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _of(record: type) -> dict[str, Any]:
    return {"$ref": _REF.format(name=record.__name__)}


def _answers(schema: dict[str, Any], *refusals: int) -> dict[str, Any]:
    found: dict[str, Any] = {"200": {"description": "answered, and written to the audit log", "content": _json(schema)}}
    for status in refusals:
        found[str(status)] = {"description": _WHY[status], "content": _json(_of(Refusal))}
        if status in (429, 503):
            found[str(status)]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return found


def _parameter(name: str, where: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": text}


def document(version: str) -> dict[str, Any]:
    """The description as a JSON value."""
    many = {"type": "array", "items": _of(Question), "minItems": 1, "maxItems": MAX_QUESTIONS}
    _, schemas = msgspec.json.schema_components(
        [Question, Answer, SenderFacts, AccountFacts, Refusal], ref_template=_REF
    )
    refused = (400, 401, 429, 503)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dualblock verification",
            "version": version,
            "description": "May this sender, or this account, be used over this route? Asked before anything is sent.",
        },
        "security": [{"key": []}],
        "paths": {
            "/v1/verify": {
                "post": {
                    "operationId": "verify",
                    "summary": "One question, or up to 1 000; the answers stand in the same order.",
                    "requestBody": {"required": True, "content": _json({"oneOf": [_of(Question), many]})},
                    "responses": _answers(
                        {"oneOf": [_of(Answer), {"type": "array", "items": _of(Answer)}]}, 413, *refused
                    ),
                }
            },
            "/v1/senders/{address}": {
                "get": {
                    "operationId": "sender",
                    "summary": "A sender as the register has it, as far as its owner listed the caller.",
                    "parameters": [_parameter("address", "path", _ADDRESS, "as it would stand in the message")],
                    "responses": _answers(_of(SenderFacts), 404, *refused),
                }
            },
            "/v1/accounts/{account}": {
                "get": {
                    "operationId": "account",
                    "summary": "One of the caller's accounts.",
                    "parameters": [_parameter("account", "path", _ADDRESS, "its id")],
                    "responses": _answers(_of(AccountFacts), 404, *refused),
                }
            },
            "/healthz": {
                "get": {
                    "operationId": "health",
                    "summary": "Whether questions are answered.",
                    "security": [],
                    "responses": {
                        "200": {"description": "ready", "content": _json({"type": "object"})},
                        "503": {"description": _WHY[503], "content": _json(_of(Refusal))},
                    },
                }
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "the API key of a relay"}},
        },
    }
