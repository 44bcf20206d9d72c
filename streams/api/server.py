"""The handlers: who asks, whether he may now, the answer from the local rows, the audit log before the answer.

200 answered; 400 not understood, 401 no key, 404 none of the caller's, 413 too large, 429 too many, 503 not ready or
not audited. Each refusal is one sentence.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
import structlog
from aiohttp import web

from streams.api.keys import ApiKey, KeyFile
from streams.api.limits import Buckets
from streams.api.spec import document
from streams.contracts.verify import MAX_QUESTIONS, Answer, Asked, Question, Refusal, Verification
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys, pseudonym
from streams.engine.senders import classify
from streams.engine.verifying import account_facts, sender_facts, verify
from streams.engine.view import View
from streams.telemetry.metrics import count

log = structlog.get_logger()
MAX_BODY = 1 << 20
_QUESTIONS = msgspec.json.Decoder(Question | list[Question])
_ENCODER = msgspec.json.Encoder()
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class Rows(Protocol):
    """The local replica."""

    @property
    def view(self) -> View:
        """The rows."""
        ...

    @property
    def caught_up(self) -> bool:
        """Whether they were read to their end, and can be read now."""
        ...


class Audit(Protocol):
    """The log of what was asked and said."""

    async def write(self, record: Verification) -> None:
        """Durable when this returns. Raises AuditFailed."""
        ...


class AuditFailed(Exception):
    """What would be answered can't be written down now."""


class Pace(NamedTuple):
    """Questions per second and key, and how many at once. wrong: requests without a right key, from one address
    (guessing 256 bits is hopeless; this keeps it cheap)."""

    per_s: float = 2_000
    burst: float = 4_000
    wrong_per_s: float = 1
    wrong_burst: float = 20


PACE = Pace()


def wall_ms() -> int:
    """The wall clock in ms."""
    return time.time_ns() // 1_000_000


class Refused(Exception):
    """A request that gets no answer. retry_s: when to try again."""

    def __init__(self, status: int, sentence: str, retry_s: float | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_s = status, sentence, retry_s


class Server:
    """The application over rows, policies and an audit log."""

    def __init__(
        self, rows: Rows, policies: Policies, keys: Keys, key_file: KeyFile, audit: Audit, *, pace: Pace = PACE,
        now_ms: Callable[[], int] = wall_ms, version: str = "0",
    ) -> None:  # fmt: skip
        self._rows, self._policies, self._keys = rows, policies, keys
        self._key_file, self._audit = key_file, audit
        self._pace, self._now_ms = pace, now_ms
        #: The caller's address of a connection's other end; the door knows it behind proxies.
        self.address_of: Callable[[object], str] = str
        self._buckets = Buckets(pace.per_s, pace.burst)
        self._wrong = Buckets(pace.wrong_per_s, pace.wrong_burst)
        self._document = _ENCODER.encode(document(version))

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._answered])
        app.router.add_post("/v1/verify", self._verify)
        app.router.add_get("/v1/senders/{address}", self._sender)
        app.router.add_get("/v1/accounts/{account}", self._account)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/openapi.json", self._describe)
        return app

    @web.middleware
    async def _answered(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return self._no(request, refused.status, refused.sentence, refused.retry_s)
        except AuditFailed as failed:
            log.error("verification_not_audited", error=str(failed))
            return self._no(request, 503, "The audit log can't be written now: nothing was answered.", 5)
        except web.HTTPRequestEntityTooLarge:
            return self._no(request, 413, f"The request is larger than {MAX_BODY} bytes.")
        except web.HTTPException as other:
            answer = self._no(request, other.status, f"{other.reason}.")
            if "Allow" in other.headers:
                answer.headers["Allow"] = other.headers["Allow"]
            return answer

    def _no(self, request: web.Request, status: int, sentence: str, retry_s: float | None = None) -> web.Response:
        count("verifications_refused_total", status=str(status))
        headers = {} if retry_s is None else {"Retry-After": str(max(1, math.ceil(retry_s)))}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        body = _ENCODER.encode(Refusal(error=sentence))
        return web.Response(body=body, status=status, content_type="application/json", headers=headers)

    def _caller(self, request: web.Request, cost: int) -> ApiKey:
        """Whose key came with the request, its share taken. Raises Refused."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        certificate = _certificate(request)
        key = self._key_file.find(secret.strip(), self._now_ms(), certificate) if scheme.lower() == "bearer" else None
        now_s = time.monotonic()
        if key is None:
            wait_s = self._wrong.take(self._remote(request), 1, now_s)
            if wait_s:
                raise Refused(429, "Too many wrong keys from this address.", wait_s)
            raise Refused(401, "Send the relay's API key: Authorization: Bearer ….")
        wait_s = self._buckets.take(key.key_id, cost, now_s)
        if wait_s:
            raise Refused(429, f"This key may ask {self._pace.per_s:g} questions a second.", wait_s)
        self._must_be_ready()
        return key

    def _must_be_ready(self) -> None:
        if not self._rows.caught_up:
            raise Refused(503, "The register is still being read: try again.", 5)

    def _remote(self, request: web.Request) -> str:
        peer = None if request.transport is None else request.transport.get_extra_info("peername")
        return "-" if peer is None else self.address_of(peer)

    async def _verify(self, request: web.Request) -> web.StreamResponse:
        self._caller(request, 0)  # a stranger's body is not read
        body = await request.read()
        try:
            asked = _QUESTIONS.decode(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"Not understood: {str(error)[:300]}") from error
        questions = asked if isinstance(asked, list) else [asked]
        if not 0 < len(questions) <= MAX_QUESTIONS:
            raise Refused(400, f"Ask 1 to {MAX_QUESTIONS} questions at once, not {len(questions)}.")
        key, now_ms = self._caller(request, len(questions)), self._now_ms()
        view = self._rows.view
        answers = [verify(q, key.relay, view, self._policies, self._keys, now_ms) for q in questions]
        told = [self._told(q, a, key.relay) for q, a in zip(questions, answers, strict=True)]
        return await self._said(request, key, answers if isinstance(asked, list) else answers[0], tuple(told), now_ms)

    async def _sender(self, request: web.Request) -> web.StreamResponse:
        key, now_ms = self._caller(request, 1), self._now_ms()
        question = Question(sender=_named(request, "address"))
        facts = sender_facts(question.sender or "", key.relay, self._rows.view, self._policies, now_ms)
        told = self._told(question, Answer(standing="unknown", at_ms=now_ms), key.relay)
        return await self._said(request, key, facts, (told,), now_ms)

    async def _account(self, request: web.Request) -> web.StreamResponse:
        key, now_ms = self._caller(request, 1), self._now_ms()
        account = _named(request, "account")
        facts = account_facts(account, key.relay, self._rows.view, self._policies, now_ms)
        if facts is None:
            raise Refused(404, "None of this relay's accounts has this id.")
        told = Asked(
            account=account, relay=key.relay, leg="origination", at_ms=now_ms, standing="unknown",
        )  # fmt: skip
        return await self._said(request, key, facts, (told,), now_ms)

    async def _said(
        self, request: web.Request, key: ApiKey, answer: object, asked: tuple[Asked, ...], now_ms: int
    ) -> web.StreamResponse:
        """The answer, after the audit log has it."""
        record = Verification(
            key_id=key.key_id, relay=key.relay, remote=self._remote(request), path=request.path.split("/")[2],
            asked_at_ms=now_ms, asked=asked,
        )  # fmt: skip
        await self._audit.write(record)
        count("verifications_total", len(asked), relay=key.relay)
        return web.Response(body=_ENCODER.encode(answer), content_type="application/json")

    def _told(self, question: Question, answer: Answer, relay: str) -> Asked:
        sender = None
        if question.sender is not None:
            found = classify(question.sender, question.ton, self._policies.default.pack.grammar)
            sender = pseudonym(self._keys, found.key) if found.personal else found.key
        return Asked(
            sender=sender, account=question.account, relay=question.relay or relay, leg=question.leg,
            at_ms=answer.at_ms, standing=answer.standing, codes=tuple(r.code for r in answer.reasons),
        )  # fmt: skip

    async def _health(self, request: web.Request) -> web.StreamResponse:
        self._must_be_ready()
        return web.json_response({"ready": True})

    async def _describe(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._document, content_type="application/json")


def _named(request: web.Request, what: str) -> str:
    found = request.match_info[what]
    if len(found) > 256:
        raise Refused(400, f"The {what} is longer than 256 characters.")
    return found


def _certificate(request: web.Request) -> str | None:
    """SHA-256 of the client's certificate; None without one."""
    tls: Any = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    held = None if tls is None else tls.getpeercert(binary_form=True)
    return None if not held else hashlib.sha256(held).hexdigest()
