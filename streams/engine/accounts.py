"""Senders that are accounts: on platforms (ott) and in rich messaging (rcs). No number plan is ever asked of them.

An account is what the platform itself set (`origin_id`, `platform:id`); the address is what it shows. Without an
`origin_id` the address is taken for the account of a platform that nobody named (`-`), which proves nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from streams.engine.pack import Grammar
from streams.engine.senders import MAX_ADDRESS, SenderId, classify

#: Kinds of accounts. A person's are published as a pseudonym, an application's in clear.
ACCOUNTS = ("email", "handle", "app")
#: How people and files write an account where no channel says that it is one: `ott:<platform>:<id>`.
WRITTEN = "ott:"
_PLATFORM = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
# An application's name turned around (com.example.shop). People's handles have dots, too, but not behind these.
_APP = re.compile(r"(com|net|org|io|app|dev)(\.[a-z0-9_-]+){2,}")


def sender_of(channel: str, address: str, ton: int | None, origin_id: str | None, grammar: Grammar) -> SenderId:
    """The sender of a message or of what a report shows: an account, or a number or name by the number plan."""
    if channel == "ott" or (channel == "rcs" and (origin_id or "@" in address)):
        return account(origin_id or address, grammar)
    return classify(address, ton, grammar)


def written(text: str, grammar: Grammar) -> SenderId:
    """A sender as people write it down: `ott:talk:duru`, else as displayed."""
    return account(text[len(WRITTEN) :], grammar) if text.startswith(WRITTEN) else classify(text, None, grammar)


@lru_cache(maxsize=1 << 15)
def account(text: str, grammar: Grammar) -> SenderId:
    """The account behind `platform:id`, or an id alone. Never raises; what is no id is `malformed`.

    Case, full width and a handle's leading `@` are spelling. Digits alone are a handle, never a phone number.
    """
    folded = unicodedata.normalize("NFKC", text).strip().casefold()
    head, colon, rest = folded.partition(":")
    platform, name = (head, rest) if colon and _PLATFORM.fullmatch(head) else ("-", folded)
    name = name.strip().removeprefix("@")
    if not name or len(name) > MAX_ADDRESS or any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        shown = text.encode("utf-8", "replace").decode()[:MAX_ADDRESS]
        return SenderId(f"{grammar.country}:malformed:{shown}", "malformed", None, None, True)
    kind = kind_of(name)
    return SenderId(f"{grammar.country}:ott:{platform}:{name}", kind, None, None, kind != "app")


def kind_of(name: str) -> str:
    """The kind of an account, by its id on the platform."""
    return "email" if _EMAIL.fullmatch(name) else "app" if _APP.fullmatch(name) else "handle"


def same_account(one: SenderId, other: SenderId) -> bool:
    """Whether two spellings name one id, on whatever platform."""
    return one.key.split(":", 3)[3:] == other.key.split(":", 3)[3:]
