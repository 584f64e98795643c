"""The class as it is planned: who is in it, and the names of what each learner gets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from workshop.errors import UsageError

SANDBOX = "sandbox"
TRAINER = "trainer"  # a sign-in of the hub's that no learner can have
_SUGGESTED = 8  # learners, at most, who may have been meant


def new_class_id() -> str:
    """Return an identity that no other class has."""
    return secrets.token_hex(6)


@dataclass(frozen=True)
class Learner:
    """Someone in the class.

    Attributes:
        number: counted from 1; it stays the same when others come or go.
        name: as people say it.
        handle: what names are made of, and their sign-in at the hub; no two learners have the same.
        resource_group: the group that is theirs.
        vm_name: their machine.
        identity_name: the identity they are going to make.
        object_id: of their principal in Entra; empty in the sandbox, where provisioning makes one.
        principal_type: what kind of principal that is.
    """

    number: int
    name: str
    handle: str
    resource_group: str
    vm_name: str
    identity_name: str
    object_id: str = ""
    principal_type: str = "ServicePrincipal"


@dataclass(frozen=True)
class Classroom:
    """A class.

    Attributes:
        name: as people say it.
        id: which what is made for it is marked with; drawn at random, since two classes may have one name.
        target: ``"sandbox"`` or ``"azure"``.
        subscription_id: where; empty for the only one that the sign-in sees.
        location: the region.
        vm_size: of the machines; empty as long as none was found to be available.
        learners: in the roster's order.
        left: who was in the class and is no longer: their numbers, and so their user ids at the hub, stay theirs.
    """

    name: str
    id: str
    target: str
    subscription_id: str
    location: str
    vm_size: str = ""
    learners: Sequence[Learner] = field(default_factory=tuple)
    left: Sequence[Learner] = field(default_factory=tuple)

    @property
    def in_sandbox(self) -> bool:
        """Whether it is held in the sandbox."""
        return self.target == SANDBOX

    def learner(self, handle: str) -> Learner:
        """Return the learner with exactly this handle: a name, or a part of one, may be somebody else's too.

        Raises:
            UsageError: There is none; the message names those who may be meant.
        """
        for learner in self.learners:
            if learner.handle == handle:
                return learner
        alike = self._alike(handle) or self.learners
        hint = f"Is it {_either(alike[:_SUGGESTED])}?" if alike else "Nobody is in it."
        raise UsageError(f"There is no learner with the handle '{handle}' in the class {self.name}. {hint}")

    def search(self, who: str) -> Learner:
        """Return the learner with this handle, or the only one whose handle or name contains it, in whatever case.

        Raises:
            UsageError: There is none, or several fit.
        """
        if any(learner.handle == who for learner in self.learners):
            return self.learner(who)
        alike = self._alike(who)
        if len(alike) > 1:
            raise UsageError(f"'{who}' may be {_either(alike)}. Which one? Give the handle, in brackets here.")
        return self.learner(alike[0].handle if alike else who)

    def _alike(self, who: str) -> list[Learner]:
        wanted = " ".join(who.split()).casefold()
        return [each for each in self.learners if wanted and wanted in f"{each.handle} {each.name.casefold()}"]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Classroom:
        """Read a class; raises KeyError, TypeError or ValueError if it is not one."""
        people = {
            what: tuple(Learner(**each) for each in listed)
            for what, listed in (("learners", content["learners"]), ("left", content.get("left", ())))
        }
        return cls(**{**content, **people})


def _either(learners: Sequence[Learner]) -> str:
    return " or ".join(f"{each.name} ({each.handle})" for each in learners)
