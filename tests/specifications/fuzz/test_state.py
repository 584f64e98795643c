"""Stories of requests at random: what is there is what the answers said, and who may is who was let."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from rbac.scopes import canonical
from sandbox.arm.managed_identity import identities
from sandbox.seeding import make_machine
from sandbox.state.directory import Caller
from sandbox.state.gate import Gate
from tests.specifications.fuzz.client import Client
from tests.specifications.fuzz.model import ASSIGNMENTS, GROUPS, IDENTITIES, MACHINES, Identity, Machine
from tests.specifications.fuzz.profile import thorough
from tests.specifications.fuzz.story import (
    AUDIENCE,
    AUTHORIZATION,
    COMPUTE,
    GROUP_NAMES,
    IDENTITY,
    RESOURCES,
    ROLES,
    Story,
)
from tests.support.sandbox import RunningSandbox, running_sandbox

group_names = st.sampled_from(GROUP_NAMES)
identity_names = st.sampled_from(["ID1", "ID2", "ID-3"])
callers = st.sampled_from(["owner", "owner", "owner", "alice", "bob"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
tags = st.dictionaries(st.sampled_from(["course", "é", "b:c"]), texts, max_size=2)
kinds = st.tuples(st.booleans(), st.booleans())
_TYPES = {
    (False, False): "None",
    (True, False): "SystemAssigned",
    (False, True): "UserAssigned",
    (True, True): "SystemAssigned,UserAssigned",
}
BAD_BODIES = st.sampled_from(
    [
        *([], "text", 5, {"tags": []}, {"location": "eastus", "tags": {"a": 1}}),
        *({"identity": [], "tags": 1}, {"identity": {"type": 5}, "tags": 1}, {"location": 5, "tags": {"a": []}}),
    ]
)


class Stories(Story):
    """What may happen in a story, which begins with two groups, each with a machine and an identity."""

    @initialize()
    def begin(self) -> None:
        self.add_callers()
        for group in GROUP_NAMES[:2]:
            self.put_group("owner", group, {})
            self.put_identity("owner", group, "ID1")
            self.add_machine(group)

    # --- groups, identities, machines ------------------------------------------------------------------------------

    @rule(who=callers, name=group_names, tags=tags)
    def put_group(self, who: str, name: str, tags: dict[str, str]) -> None:
        group = self.group_id(name)
        response = self.ask(who, "PUT", group, {"location": "eastus", "tags": tags}, version=RESOURCES)
        if not self.may(who, f"{GROUPS}/write", group):
            assert response.status == 403
            return
        assert response.status == (200 if group in self.model.groups else 201)
        self.model.groups[group] = tags

    @rule(who=callers, name=group_names, sure=st.sampled_from([True, False, False, False]))
    def delete_group(self, who: str, name: str, sure: bool) -> None:
        if not sure:
            return  # a story in which everything soon is gone tells little
        group = self.group_id(name)
        response = self.ask(who, "DELETE", group, version=RESOURCES)
        if not self.may(who, f"{GROUPS}/delete", group):
            assert response.status == 403
            return
        assert response.status == (202 if group in self.model.groups else 404)
        if group in self.model.groups:
            self.model.delete_group(group)

    @rule(who=callers, group=group_names, name=identity_names)
    def put_identity(self, who: str, group: str, name: str) -> None:
        identity = self.identity_id(group, name)
        response = self.ask(who, "PUT", identity, {"location": "eastus"}, version=IDENTITY)
        if not self.may(who, f"{IDENTITIES}/write", identity):
            assert response.status == 403
            return
        if self.group_id(group) not in self.model.groups:
            assert response.status == 404
            return
        known = self.model.identities.get(identity)
        assert response.status == (201 if known is None else 200)
        properties = response.json()["properties"]
        made = Identity(properties["principalId"], properties["clientId"])
        assert known in (None, made)
        assert known is not None or made not in self.model.identities.values()
        self.model.identities[identity] = made
        self.remember(identity, made.principal, made.client)

    @rule(who=callers, group=group_names, name=identity_names)
    def delete_identity(self, who: str, group: str, name: str) -> None:
        identity = self.identity_id(group, name)
        response = self.ask(who, "DELETE", identity, version=IDENTITY)
        if not self.may(who, f"{IDENTITIES}/delete", identity):
            assert response.status == 403
        elif self.group_id(group) not in self.model.groups:
            assert response.status == 404
        elif identity not in self.model.identities:
            assert response.status == 204
        else:
            assert response.status == 200
            self.model.delete_identity(identity)

    @rule(group=group_names)
    def add_machine(self, group: str) -> None:
        machine = self.machine_id(group)
        if self.group_id(group) not in self.model.groups or machine in self.model.machines:
            return
        name = self.group_id(group).rpartition("/")[2]

        def make() -> None:
            with self.cloud.store.transaction():
                seeded = self.cloud.seed_data
                make_machine(self.cloud, Caller(seeded.operator_object_id, seeded.operator_client_id), name, "vm")

        self.sandbox.on_loop(make)
        self.model.machines[machine] = Machine()

    @rule(who=callers, group=group_names, kind=kinds, named=st.dictionaries(identity_names, st.booleans(), max_size=2))
    def patch_machine(self, who: str, group: str, kind: tuple[bool, bool], named: Mapping[str, bool]) -> None:
        machine = self.machine_id(group)
        entries: dict[str, dict[str, Any] | None] = {
            self.identity_id(group, name): {} if there else None for name, there in named.items()
        }
        block = {"type": _TYPES[kind], **({"userAssignedIdentities": entries} if named else {})}
        response = self.ask(who, "PATCH", machine, {"identity": block}, version=COMPUTE)
        if not self.may(who, f"{MACHINES}/write", machine):
            assert response.status == 403
            return
        if machine not in self.model.machines:
            assert response.status == 404
            return
        wanted = {self.identity_id(group, name): there for name, there in named.items()}
        status, code = self.model.patch_machine(self.principals[who], machine, kind, wanted)
        assert response.status == status, response
        assert status == 200 or response.json()["error"]["code"] == code

    # --- roles -----------------------------------------------------------------------------------------------------

    @rule(data=st.data(), who=callers, role=st.sampled_from(sorted(ROLES)))
    def grant(self, data: st.DataObject, who: str, role: str) -> None:
        scope = data.draw(st.sampled_from(self.scopes()))
        grantee = self.principals[data.draw(st.sampled_from([name for name in self.principals if name != "owner"]))]
        taken = any(
            (held.scope, held.principal_id, held.role_definition_id) == (scope, grantee, ROLES[role])
            for held in self.model.assignments.values()
        )
        allowed = self.may(who, f"{ASSIGNMENTS}/write", f"{scope}/providers/{ASSIGNMENTS}/new")
        before = len(self.model.assignments)
        response = self.grant_as(self.tokens[who], scope, role, grantee)
        assert response.status == (403 if not allowed else 409 if taken else 201), response
        assert len(self.model.assignments) - before == (response.status == 201)

    @rule(data=st.data(), who=callers)
    def revoke(self, data: st.DataObject, who: str) -> None:
        held = [path for path, each in self.model.assignments.items() if each.principal_id != self.principals["owner"]]
        if not held:
            return
        path = data.draw(st.sampled_from(held))
        response = self.ask(who, "DELETE", path, version=AUTHORIZATION)
        if self.may(who, f"{ASSIGNMENTS}/delete", path):
            assert response.status == 200
            del self.model.assignments[path]
        else:
            assert response.status == 403

    # --- reading ---------------------------------------------------------------------------------------------------

    @rule(data=st.data(), group=group_names)
    def read(self, data: st.DataObject, group: str) -> None:
        """Anybody, a deleted identity included, sees what their roles show them, and nothing else."""
        who = data.draw(st.sampled_from(sorted(self.tokens)))
        for path, action, version, there in (
            (self.group_id(group), f"{GROUPS}/read", RESOURCES, self.model.groups),
            (self.identity_id(group, "ID1"), f"{IDENTITIES}/read", IDENTITY, self.model.identities),
            (self.machine_id(group), f"{MACHINES}/read", COMPUTE, self.model.machines),
        ):
            response = self.ask(who, "GET", path, version=version)
            if self.may(who, action, path):
                assert response.status == (200 if path in there else 404), (who, path, response)
            else:
                assert response.status == 403, (who, path, response)

    @rule(who=callers, group=group_names)
    def list_identities(self, who: str, group: str) -> None:
        scope, action = self.group_id(group), f"{IDENTITIES}/read"
        response = self.ask(who, "GET", f"{scope}/providers/{IDENTITIES}", version=IDENTITY)
        if not self.may(who, action, scope) and not self.model.reaches(self.principals[who], scope):
            assert response.status == 403
            return
        if scope not in self.model.groups:
            assert response.status == 404
            return
        shown = {canonical(each["id"]) for each in response.json()["value"]}
        inside = [each for each in self.model.identities if each.startswith(f"{scope}/")]
        assert shown == {canonical(each) for each in inside if self.may(who, action, each)}

    @rule(data=st.data(), group=group_names)
    def ask_for_a_token(self, data: st.DataObject, group: str) -> None:
        machine = self.machine_id(group)
        if machine not in self.model.machines:
            return
        name = data.draw(st.none() | identity_names)
        query = {"api-version": "2018-02-01", "resource": AUDIENCE}
        live = self.model.live(machine)
        known = self.model.identities.get(self.identity_id(group, name)) if name else None
        if known is not None:
            query["client_id"] = known.client
            expected = known if known in live else None
        else:
            expected = live[0] if len(live) == 1 else None
        url = f"{self.metadata(machine)}/metadata/identity/oauth2/token?{urlencode(query)}"
        response = self.sandbox.session.get(url, headers={"Metadata": "true"}, timeout=300)
        own = self.model.machines[machine].system and known is None
        assert response.status_code == (200 if own or expected else 400), response.status_code
        if expected and not own:
            assert response.json()["client_id"] == expected.client

    # --- nonsense --------------------------------------------------------------------------------------------------

    @rule(data=st.data(), who=callers, group=group_names, method=st.sampled_from(["PUT", "PATCH"]), body=BAD_BODIES)
    def send_nonsense(self, data: st.DataObject, who: str, group: str, method: str, body: Any) -> None:
        targets = [(self.machine_id(group), COMPUTE), (self.identity_id(group, "ID1"), IDENTITY)]
        path, version = data.draw(st.sampled_from(targets))
        assert self.ask(who, method, path, body, version=version).status in (400, 403, 404)


def tell(sandbox: RunningSandbox, how: settings) -> None:
    """Tell stories to a sandbox."""
    client = Client(sandbox)
    stories: Any = partial(Stories, sandbox, client)  # declared to be a class, while any factory will do
    try:
        run_state_machine_as_test(stories, settings=how)
    finally:
        client.close()


HOW = thorough(10, steps=40)  # in so many stories both of the faults below are found


def test_state_is_what_the_answers_say(fuzzed: RunningSandbox) -> None:
    tell(fuzzed, HOW)


@pytest.mark.parametrize("fault", ["lets everybody in", "forgets what is there"])
def test_a_sandbox_with_a_fault_is_found_out(
    tmp_path: Any, keys: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "lets everybody in":
        monkeypatch.setattr(Gate, "allows", lambda *_: True)
    else:
        monkeypatch.setattr(identities, "find", lambda *_: None)
    with running_sandbox(tmp_path / "faulty", keys_from=keys) as sandbox, pytest.raises(AssertionError):
        tell(sandbox, settings(HOW, phases=(Phase.generate,)))
