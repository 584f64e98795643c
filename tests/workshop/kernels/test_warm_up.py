"""What Azure's clients are made to do before kernels are forked."""

import os
import socket
from typing import Never

import pytest

from workshop.kernels import preload, warm_up


def test_every_question_is_answered_and_none_leaves_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Never:
        raise AssertionError("a request was sent")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    environment = dict(os.environ)
    warm_up.warm_up_clients()
    assert dict(os.environ) == environment


def test_it_is_for_kernels_of_notebooks_with_azure_only(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed_up: list[bool] = []
    monkeypatch.setattr(warm_up, "warm_up_clients", lambda: warmed_up.append(True))
    preload.preload(["json"])
    assert warmed_up == []
    report, _ = preload.preload([*preload.NOTEBOOK_MODULES])
    assert warmed_up == [True]
    assert report["skipped"] == {}


def test_kernels_do_without_if_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise TypeError("no longer like that")

    monkeypatch.setattr(warm_up, "warm_up_clients", fail)
    report, _ = preload.preload([*preload.NOTEBOOK_MODULES])
    assert report["skipped"] == {"workshop.kernels.warm_up": "TypeError: no longer like that"}


def test_what_it_reads_of_the_environment_need_not_be_a_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    report, changed = preload.preload([*preload.NOTEBOOK_MODULES])
    assert report["skipped"] == {}
    assert not {name for name in report["environ"] if "PROXY" in name}
    assert "HTTPS_PROXY" not in changed
