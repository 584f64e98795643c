"""Messages arrive whole and in order, whatever the pieces they travel in."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.kernels.channel import Channel, Message

texts = st.text(st.characters(exclude_categories=()))  # lone surrogates too: undecodable bytes in an environment
messages = st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none() | st.lists(texts), max_size=5)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    one, other = map(Channel, socket.socketpair())
    yield one, other
    one.close()
    other.close()


@given(st.lists(messages, max_size=5), st.integers(1, 64))
def test_any_messages_in_any_pieces(sent: list[Message], size: int) -> None:
    raw, end = socket.socketpair()
    channel = Channel(end)
    data = b"".join(json.dumps(message).encode() + b"\n" for message in sent)

    def send() -> None:
        with raw:
            for start in range(0, len(data), size):
                raw.sendall(data[start : start + size])

    sender = threading.Thread(target=send)
    sender.start()
    assert [channel.receive(10) for _ in sent] == sent
    assert channel.receive(10) is None
    sender.join()
    channel.close()


@given(messages)
def test_what_is_sent_is_received(message: Message) -> None:
    one, other = map(Channel, socket.socketpair())
    one.send(message)
    assert other.receive(10) == message
    one.close()
    other.close()


def test_a_message_larger_than_the_sockets_buffer(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    message = {"env": {"LONG": "x" * 5_000_000}}
    sender = threading.Thread(target=one.send, args=(message, 30.0))
    sender.start()
    assert other.receive(30) == message
    sender.join()


def test_sending_to_one_that_does_not_read_has_a_limit(ends: tuple[Channel, Channel]) -> None:
    with pytest.raises(TimeoutError):
        ends[0].send({"env": "x" * 5_000_000}, 0.05)


@pytest.mark.parametrize("timeout", [0, 0.02])
def test_waiting_has_a_limit_and_half_a_message_is_none(timeout: float) -> None:
    raw, end = socket.socketpair()
    channel = Channel(end)
    with raw:
        raw.sendall(b'{"half":')
        with pytest.raises(TimeoutError):
            channel.receive(timeout)
        raw.sendall(b" 1}\n")
        assert channel.receive(timeout) == {"half": 1}
        raw.sendall(b'{"lost":')
    assert channel.receive(timeout) is None
    channel.close()


def test_the_other_side_may_be_gone(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    other.send({"unread": 1})
    other.close()
    assert one.receive() == {"unread": 1}
    assert one.receive() is None
    with pytest.raises(OSError, match=r"pipe|reset"):
        one.send({})


def test_descriptors_arrive_open(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    reader, writer = os.pipe()
    one.send_descriptors([reader, writer])
    got_reader, got_writer = other.receive_descriptors(4)
    os.close(reader)
    os.close(writer)
    os.write(got_writer, b"through")
    os.close(got_writer)
    assert os.read(got_reader, 100) == b"through"
    os.close(got_reader)
    one.close()
    assert other.receive_descriptors(4) == []
