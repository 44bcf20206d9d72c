"""Dead letters: the original bytes, and in the headers why and where from."""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import version

from streams.contracts.topics import TOPICS
from streams.pipeline.step import Input, Output

#: What is kept of a record that is larger than its dead letter topic takes.
EXCERPT_BYTES = 65_536
#: Room for headers and framing.
OVERHEAD_BYTES = 4096
_VERSION = version("dualblock").encode()
_DETAIL_CHARACTERS = 500
_MAX_BYTES = {topic.entity: topic.max_message_bytes for topic in TOPICS}
_DEFAULT_MAX_BYTES = 1_048_588
_DEAD_MAX_BYTES = 8 * 1_048_576


def value_limit(entity: str) -> int:
    """How many bytes of key and value together an entity's topic takes, uncompressed, after headers and framing.

    The broker measures what is compressed; measuring what isn't is on the safe side and needs no trial.
    """
    default = _DEAD_MAX_BYTES if entity.endswith(".dead") else _DEFAULT_MAX_BYTES
    return _MAX_BYTES.get(entity, default) - OVERHEAD_BYTES


def dead_letter(
    record: Input, *, entity: str, topic: str, reason: str, exception: str, at_ms: int, limit: int
) -> tuple[Output, bool]:
    """The dead letter of a record of `entity`, which was read from `topic`; and whether only its beginning fits.

    reason: a code. exception: what was wrong, in words. at_ms: wall clock. limit: bytes of key and value that fit; a
    record beyond it leaves its first 64 KiB, its size and its SHA-256, and can still be found by topic and offset.
    """
    headers: list[tuple[str, bytes]] = [
        ("reason", _utf8(reason)),
        ("exception", _utf8(exception[:_DETAIL_CHARACTERS])),
        ("topic", _utf8(topic)),
        ("partition", b"%d" % record.partition),
        ("offset", b"%d" % record.offset),
        ("at_ms", b"%d" % at_ms),
        ("version", _VERSION),
    ]
    key, value = record.key, record.value
    cut = len(key or b"") + len(value or b"") > limit
    if cut:
        whole = value or b""
        headers += [("sha256", sha256(whole).hexdigest().encode()), ("size", b"%d" % len(whole))]
        key = key[: min(1024, limit // 2)] if key is not None else None
        value = whole[: max(0, min(EXCERPT_BYTES, limit - len(key or b"")))]
    return Output(f"{entity}.dead", key, value, None, headers), cut


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
