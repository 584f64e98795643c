import secrets

import pytest

from sandbox.arm.compute.power import running_machines
from sandbox.entra.keys import SigningKey
from tests.support.desk import Desk
from tests.support.machines import Machines


def test_the_machines_password_will_do_whatever_is_drawn(key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: "x" * size)
    machines = Machines(Desk(key))
    assert len(running_machines(machines.desk.cloud)) == 1
