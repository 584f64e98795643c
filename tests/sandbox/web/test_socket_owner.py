"""Whose process opened a connection."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sandbox.web.socket_owner import user_at
from tests.support.needs import in_need_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.settimeout(300)
        yield found


def user_of(listener: socket.socket) -> int | None:
    """Whose connection comes next."""
    accepted, client = listener.accept()
    with accepted:
        return user_at(client, accepted.getsockname())


def test_our_own_connection_is_ours(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()):
        assert user_of(listener) == os.geteuid()


def test_a_socket_for_ipv6_that_speaks_ipv4_is_found(listener: socket.socket) -> None:
    with socket.socket(socket.AF_INET6) as client:
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        client.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
        assert user_of(listener) == os.geteuid()


def test_one_that_will_say_no_more_but_listens_is_found(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        client.shutdown(socket.SHUT_WR)
        assert user_of(listener) == os.geteuid()


def test_who_has_gone_is_nobody(listener: socket.socket) -> None:
    socket.create_connection(listener.getsockname()).close()
    assert user_of(listener) is None


def test_a_connection_that_is_not_there_is_nobodys(listener: socket.socket) -> None:
    assert user_at(("127.0.0.1", 1), listener.getsockname()) is None


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can start processes of other users")
def test_another_users_connection_is_theirs(listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with subprocess.Popen([in_need_of("curl"), "--silent", "--noproxy", "*", url], user=80001, group=80001) as client:
        assert user_of(listener) == 80001
        client.kill()
