"""`dualblock policy`: check a policy, publish it on the jurisdiction's timeline."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli.shell import Shell, answer, app_of, instant, iso, jurisdiction_of, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.policy import PolicyEntry, PolicyRow
    from streams.engine.policy import Policy

app = app_of("policy", "Check and publish policies: which pack and profile a jurisdiction runs, and what lies over it.")

Overlay = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="TOML: what is laid over the shipped pack, key by key.")
]
Place = Annotated[str | None, typer.Option(help="Whose pack: kr or generic.", metavar="WORD")]
Profile = Annotated[
    Literal["observe", "enforce"], typer.Option(help="observe decides and blocks nothing; enforce blocks.")
]


@app.command()
def check(ctx: typer.Context, file: Overlay = None, jurisdiction: Place = None, profile: Profile = "enforce") -> None:
    """Build the policy as a gate would, and say what it comes to; nothing is published."""
    shell = shell_of(ctx)
    place = jurisdiction_of(shell, jurisdiction)
    built = _build(place, _entry(file, profile))
    modes = list(built.pack.modes.values())
    answer(f"{built.version}  {place}, profile {profile}")
    answer(f"epoch {built.pack.epoch_ms} ms, {modes.count('BLOCK')} codes block, {modes.count('LABEL')} label")


@app.command()
def publish(
    ctx: typer.Context,
    file: Overlay = None,
    jurisdiction: Place = None,
    profile: Profile = "observe",
    start: Annotated[
        str | None, typer.Option("--from", help="Counts from this time on; now, unless given.", metavar="ISO")
    ] = None,
) -> None:
    """Append a policy to the jurisdiction's timeline; gates take it up by event time.

    It is built first, whole. Policy and history are written in one transaction; a second publisher at the same time is
    refused. Publishing what is in force already changes nothing.
    """
    shell = shell_of(ctx)
    place = jurisdiction_of(shell, jurisdiction)
    now_ms = time.time_ns() // 1_000_000
    from_ms = instant(start) if start is not None else now_ms
    entry = _entry(file, profile, from_ms=from_ms, recorded_at_ms=now_ms)
    built = _build(place, entry)
    version = _write(shell, place, entry)
    if version is None:
        answer(f"{built.version} is in force in {place} already: nothing was published.")
    else:
        answer(f"{built.version} counts in {place} from {iso(max(from_ms, now_ms))} on, as version {version}.")


def _entry(file: Path | None, profile: Any, **times: int) -> PolicyEntry:
    from streams.contracts.policy import PolicyEntry

    pack: dict[str, Any] = {}
    if file is not None:
        try:
            pack = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{file} can't be read ({error.strerror}): name an existing file.") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{file} is no TOML: {error}.") from error
    return PolicyEntry(profile=profile, pack=pack, **times)


def _build(place: str, entry: PolicyEntry) -> Policy:
    """Raises InputError when the pack with this overlay is not valid."""
    from streams.engine.policy import Policies
    from streams.packs import shipped

    try:
        return Policies(shipped(), place).of(entry)
    except ValueError as error:
        raise InputError(f"This policy does not build: {error}.") from error


def _write(shell: Shell, place: str, entry: PolicyEntry) -> int | None:
    """Append the entry with the next version; None when the newest says the same from then on."""
    import msgspec
    from confluent_kafka import KafkaException, Producer

    from streams.cli.kafka import view_of
    from streams.contracts.base import encoder
    from streams.contracts.policy import PolicyRow
    from streams.pipeline.errors import TopicError, kafka_error

    connection = shell.connection()
    topics = [connection.topic(entity) for entity in ("policy", "policy.history")]
    producer = Producer(
        {
            **connection.base(),
            "transactional.id": f"{connection.prefix}policy-publish-{place}",
            "transaction.timeout.ms": 10_000,
            "partitioner": "murmur2_random",
        }
    )
    try:
        producer.init_transactions(30)  # before the timeline is read: from here on an older publisher can't commit
        held = view_of(connection, ("policy",)).policy(place)
        if _in_force(held, entry):
            return None
        timeline = held.timeline if held is not None else ()
        version = max((e.version for e in timeline), default=0) + 1
        row = PolicyRow(jurisdiction=place, timeline=(*timeline, msgspec.structs.replace(entry, version=version)))
        producer.begin_transaction()
        for topic in topics:
            producer.produce(topic, encoder().encode(row), place.encode())
        producer.commit_transaction(30)
    except KafkaException as exception:
        raise TopicError(f"The policy was not published: {kafka_error(exception).str()}. Run it again.") from exception
    return version


def _in_force(held: PolicyRow | None, entry: PolicyEntry) -> bool:
    """Whether the newest entry says the same, is in force when this one would begin, and nothing comes after it."""
    if held is None or not held.timeline:
        return False
    newest = max(held.timeline, key=lambda e: e.version)
    same = (newest.profile, newest.pack) == (entry.profile, entry.pack)
    return same and newest.to_ms is None and newest.from_ms <= entry.from_ms
