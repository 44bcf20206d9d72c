"""Hosts that a text links to, as somebody registered them: one name below a public suffix.

The public suffix list comes with the package `publicsuffixlist`; its version is part of `versions.data`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import cache, lru_cache
from ipaddress import ip_address

from publicsuffixlist import PublicSuffixList
from publicsuffixlist import __version__ as VERSION

from streams.engine.fingerprint import CASED_URL, URL
from streams.engine.text import folded

__all__ = ["VERSION", "host_subjects", "hosts", "link_subjects", "path_subjects"]

#: A message that links to more is looked at for the first ones only.
MAX_HOSTS = 4
#: Segments of a path that an order may name.
MAX_SEGMENTS = 4
#: What follows a link in a sentence.
_CLOSING = ".,;!)'\""


@cache
def _suffixes() -> PublicSuffixList:
    """Read when the first link comes: most processes never see one."""
    return PublicSuffixList(accept_unknown=False)


def hosts(text: str) -> tuple[str, ...]:
    """Registrable names (`shop.co.kr`, `name.github.io`) and addresses of the links, in their order, each once.

    Names in ASCII (IDNA). After `http://` any name counts; a bare one only below a suffix that the list knows, so that
    `thanks.see you` is no link. A public suffix by itself belongs to nobody and is no host.
    """
    text = folded(text)
    if "." not in text and "://" not in text and "\u3002" not in text:
        return ()  # most texts; nothing to be remembered
    return _hosts(text)


@lru_cache(maxsize=1 << 12)
def _hosts(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for link in URL.findall(text.replace("\u3002", ".")):
        scheme, marked, rest = link.partition("://")
        name = _registered(_authority(rest if marked else scheme), known=not marked)
        if name is not None:
            found[name] = None
        if len(found) == MAX_HOSTS:
            break
    return tuple(found)


def link_subjects(text: str, shared: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`host_subjects` and `path_subjects`, at once: most texts have neither."""
    if not hosts(text):
        return (), ()
    return host_subjects(text, shared), path_subjects(text, shared)


def host_subjects(text: str, shared: Collection[str]) -> tuple[str, ...]:
    """`host:` subjects of a text. A host that strangers share (a link shortener) is never one."""
    return tuple([f"host:{name}" for name in hosts(text) if name not in shared])


def path_subjects(text: str, shared: tuple[str, ...]) -> tuple[str, ...]:
    """`host:<name>/<path>` subjects of the links to shared hosts, from the first segment on. Paths keep their case."""
    if not any(name in shared for name in hosts(text)):
        return ()
    found: dict[str, None] = {}
    for link in CASED_URL.findall(unicodedata.normalize("NFKC", text).replace("\u3002", ".")):
        scheme, marked, rest = link.partition("://")
        rest = rest if marked else scheme
        name = _registered(_authority(rest.casefold()), known=not marked)
        for mark in "?#\\":
            rest = rest.partition(mark)[0]
        segments = [segment for segment in rest.rstrip(_CLOSING).split("/")[1:] if segment]
        if name in shared and len(found) < MAX_HOSTS:
            for end in range(1, min(len(segments), MAX_SEGMENTS) + 1):
                found[f"host:{name}/{'/'.join(segments[:end])}"] = None
    return tuple(found)


def _authority(link: str) -> str:
    """The host of a link without its scheme; user names before an @ and a port go."""
    for mark in "/?#\\":
        link = link.partition(mark)[0]
    host = link.rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].strip(_CLOSING)


@lru_cache(maxsize=1 << 12)  # the links of a campaign differ in their paths
def _registered(host: str, known: bool) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if not all(label and len(label) <= 63 for label in name.split(".")) or "." not in name:
        return None
    found = _suffixes().privatesuffix(name)
    if found is None and not known and _suffixes().publicsuffix(name) is None:
        return ".".join(name.split(".")[-2:])  # a suffix that the list does not know
    return found
