"""The class as it is planned: who is in it, and the names of what each learner gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from workshop.errors import UsageError

SANDBOX = "sandbox"
TRAINER = "trainer"  # a sign-in of the hub's that no learner can have
_SUGGESTED = 8  # learners, at most, who may have been meant


@dataclass(frozen=True)
class Learner:
    """Someone in the class."""

    number: int  # counted from 1; it stays the same when others come or go
    name: str
    handle: str  # what names are made of, and their sign-in at the hub; no two learners have the same
    resource_group: str
    vm_name: str
    identity_name: str  # the identity they are going to make
    object_id: str = ""  # of their principal in Entra; empty in the sandbox, where provisioning makes one
    principal_type: str = "ServicePrincipal"


@dataclass(frozen=True)
class Classroom:
    """A class."""

    name: str
    id: str  # what is made for it is marked with; drawn at random, since two classes may have one name
    target: str  # "sandbox" or "azure"
    subscription_id: str  # empty for the only one that the sign-in sees
    location: str
    vm_size: str = ""  # of the machines; empty as long as none was found to be available
    learners: Sequence[Learner] = field(default_factory=tuple)  # in the roster's order
    # Who was in the class and is no longer: their numbers, and so their user ids at the hub, stay theirs.
    left: Sequence[Learner] = field(default_factory=tuple)

    @property
    def in_sandbox(self) -> bool:
        """Whether it is held in the sandbox."""
        return self.target == SANDBOX

    def learner(self, handle: str) -> Learner:
        """Return the learner with exactly this handle: a name, or a part of one, may be somebody else's too."""
        for learner in self.learners:
            if learner.handle == handle:
                return learner
        alike = self._alike(handle) or self.learners
        hint = f"Is it {_either(alike[:_SUGGESTED])}?" if alike else "Nobody is in it."
        raise UsageError(f"There is no learner with the handle '{handle}' in the class {self.name}. {hint}")

    def search(self, who: str) -> Learner:
        """Return the learner with this handle, or the only one whose handle or name contains it, in whatever case."""
        if any(learner.handle == who for learner in self.learners):
            return self.learner(who)
        alike = self._alike(who)
        if len(alike) > 1:
            raise UsageError(f"'{who}' may be {_either(alike)}. Which one? Give the handle, in brackets here.")
        return self.learner(alike[0].handle if alike else who)

    def _alike(self, who: str) -> list[Learner]:
        wanted = " ".join(who.split()).casefold()
        return [each for each in self.learners if wanted and wanted in f"{each.handle} {each.name.casefold()}"]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` makes of a class; raises KeyError, TypeError or ValueError if it is something else."""
        people = {
            what: tuple(Learner(**each) for each in listed)
            for what, listed in (("learners", content["learners"]), ("left", content.get("left", ())))
        }
        return cls(**{**content, **people})


def _either(learners: Sequence[Learner]) -> str:
    return " or ".join(f"{each.name} ({each.handle})" for each in learners)
