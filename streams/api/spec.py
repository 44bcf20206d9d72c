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
_REFUSED = (400, 401, 429, 503)


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


def _lookup(operation: str, name: str, record: type, what: str, summary: str) -> dict[str, Any]:
    """A path that ends in the name of one thing."""
    named = {"name": name, "in": "path", "required": True, "schema": _ADDRESS, "description": what}
    responses = _answers(_of(record), 404, *_REFUSED)
    return {"get": {"operationId": operation, "summary": summary, "parameters": [named], "responses": responses}}


def document(version: str) -> dict[str, Any]:
    """The description as a JSON value."""
    many = {"type": "array", "items": _of(Question), "minItems": 1, "maxItems": MAX_QUESTIONS}
    _, schemas = msgspec.json.schema_components(
        [Question, Answer, SenderFacts, AccountFacts, Refusal], ref_template=_REF
    )
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
                        {"oneOf": [_of(Answer), {"type": "array", "items": _of(Answer)}]}, 413, *_REFUSED
                    ),
                }
            },
            "/v1/senders/{address}": _lookup(
                "sender",
                "address",
                SenderFacts,
                "as it would stand in the message",
                "A sender as the register has it, as far as its owner listed the caller.",
            ),
            "/v1/accounts/{account}": _lookup(
                "account", "account", AccountFacts, "its id", "One of the caller's accounts."
            ),
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
