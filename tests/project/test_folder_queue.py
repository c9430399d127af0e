from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection

from project import environment, folder_queue


def connected(folder: Path) -> Connection:
    return Connection(
        transport=folder_queue.Transport,
        transport_options=environment.broker_options("filesystem://", folder=folder),
    )


# Kombu remembers per process which queues it has declared, whatever the folder: each test
# names its own.


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Connection]:
    with connected(tmp_path / "broker") as connection:
        yield connection


def test_a_message_arrives(queue: Connection, tmp_path: Path) -> None:
    letters = queue.SimpleQueue(tmp_path.name)
    letters.put({"hello": "world"})
    message = letters.get(timeout=60)
    assert message.payload == {"hello": "world"}
    message.ack()
    assert list((tmp_path / "broker" / "messages").iterdir()) == []


def test_a_message_that_is_being_written_is_not_read(queue: Connection, tmp_path: Path) -> None:
    letters = queue.SimpleQueue(tmp_path.name)
    (tmp_path / "broker" / "messages" / "unfinished.part").write_text("")
    with pytest.raises(letters.Empty):
        letters.get(timeout=0.2)


def test_a_reader_waits_as_long_as_it_was_told_to(queue: Connection, tmp_path: Path) -> None:
    def send() -> None:
        with connected(tmp_path / "broker") as other:
            other.SimpleQueue(tmp_path.name).put("late")

    late = threading.Timer(2 * folder_queue.LONGEST_WAIT, send)
    late.start()
    assert queue.SimpleQueue(tmp_path.name).get(timeout=30).payload == "late"
    late.join()
