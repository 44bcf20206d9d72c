"""The private hooks of the framework that we override: this fails loudly when one of them moves.

On failure: read the framework's new code at the hook named, adapt streams/agents/transport.py, then move the pin.
"""

import inspect
from collections.abc import Callable
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer as base
from faust.transport.drivers import aiokafka as driver

from streams.agents import AgentSettings, create_app, transport

HOOKS: list[tuple[Callable[..., Any], list[str]]] = [
    (faust.App._new_transport, ["self"]),
    (faust.App._new_producer_transport, ["self"]),
    (faust.App.on_rebalance_end, ["self"]),
    (TableManager.on_start, ["self"]),
    (TableManager._update_channels, ["self"]),
    (driver.Consumer._new_consumer_thread, ["self"]),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, ["self", "transport"]),
    (driver.Consumer._add_gap, ["self", "tp", "offset_from", "offset_to"]),
    (driver.Consumer.resume_partitions, ["self", "tps"]),
    (driver.Consumer._wait_next_records, ["self", "timeout"]),
    (driver.Consumer._getmany, ["self", "active_partitions", "timeout"]),
    (
        driver.AIOKafkaConsumerThread._fetch_records,
        ["self", "consumer", "active_partitions", "timeout", "max_records"],
    ),
    (driver.Consumer.perform_seek, ["self"]),
    (driver.Consumer._commit_offsets, ["self", "offsets", "start_new_transaction"]),
    (driver.Consumer.on_partitions_revoked, ["self", "revoked"]),
    (driver.Consumer.verify_event_path, ["self", "now", "tp"]),
    (driver.Producer._settings_extra, ["self"]),
    (driver.Producer.send_soon, ["self", "fut"]),
    (
        driver.Producer.send,
        ["self", "topic", "key", "value", "partition", "timestamp", "headers", "transactional_id"],
    ),
]

# Lines of the framework that our overrides count on: (function, text in it, why).
COUNTED_ON = [
    (base.Consumer._drain_messages, "self._add_gap(tp, r_offset + 1, offset)", "the gap's end is a real record"),
    (base.Consumer._commit_tps, "self._commit_offsets(", "every commit passes our hook"),
    (driver.Consumer.on_stop, "super().on_stop()", "stopping commits through the same hook"),
    (
        Recovery.on_recovery_completed,
        "self.app.flow_control.resume()\n        consumer.resume_flow()\n        # finally",
        "the last clearing of queues comes before on_rebalance_end",
    ),
    (Fetcher.fetched_records, "if partitions and tp not in partitions:", "an empty set of partitions means all"),
    (AIOKafkaConsumer.start, "fetch_max_wait_ms=self._fetch_max_wait_ms", "read when the fetcher is made"),
    (AIOKafkaConsumer.start, "isolation_level=self._isolation_level", "read when the fetcher is made, not before"),
    (AIOKafkaConsumer.start, "fetch_max_bytes=self._fetch_max_bytes", "read when the fetcher is made"),
    (
        Fetcher._get_actions_per_node,
        "random.shuffle(partition_data)",
        "a record larger than a fetch comes when its partition is asked first",
    ),
    (faust.Table.on_key_set, "self.send_changelog(", "a table write is sent through Producer.send_soon"),
]


def test_versions_are_the_ones_that_were_read() -> None:
    assert (faust.__version__, aiokafka.__version__) == ("0.15.3", "0.14.0")


@pytest.mark.parametrize(("hook", "parameters"), HOOKS, ids=[hook.__qualname__ for hook, _ in HOOKS])
def test_the_hook_is_where_it_was(hook: Callable[..., Any], parameters: list[str]) -> None:
    assert list(inspect.signature(hook).parameters) == parameters


@pytest.mark.parametrize(("where", "text", "why"), COUNTED_ON, ids=[why for _, _, why in COUNTED_ON])
def test_the_framework_still_does_what_we_correct(where: Callable[..., Any], text: str, why: str) -> None:
    assert text in inspect.getsource(where), why


def test_our_classes_are_the_ones_in_use(tmp_path: Any) -> None:
    app = create_app(
        AgentSettings(bootstrap="127.0.0.1:1,127.0.0.1:2", group="g", instance_id="i", data_dir=tmp_path, partitions=3)
    )
    ours = app._new_transport()
    assert (ours.Consumer, ours.Producer) == (transport.Consumer, transport.Producer)
    assert isinstance(app._new_producer_transport(), transport.Transport)
    conf = app.conf
    assert [url.port for url in conf.broker] == [1, 2]
    assert (conf.id, conf.consumer_group_instance_id, conf.topic_partitions) == ("g", "i", 3)
    assert str(conf.processing_guarantee.value) == "at_least_once"
    assert conf.consumer_max_fetch_size == transport.FETCH_BYTES
    assert not conf.web_enabled and conf.table_standby_replicas == 0
    assert str(conf.tabledir).startswith(str(tmp_path))
