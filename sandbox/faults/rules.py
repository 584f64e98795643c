"""Which requests a fault is for."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from rbac.folding import fold
from sandbox.core.clock import Clock
from sandbox.core.http import COMMAND_LINE, Answer, NoAnswer, Request
from sandbox.core.seed_data import SeedData
from sandbox.faults.answers import NAMED, answer_status

_log = logging.getLogger(__name__)

Handle = Callable[[Request], Answer]


@dataclass(slots=True)
class Rule:
    """A fault, which is a status or a name, and the requests that it is for.

    ``methods`` that are empty stand for any, ``*`` in ``path`` for anything. ``which`` says which of the requests that
    match: the ``nth``, the ``first`` so many, ``every`` so many, or those in so many ``seconds`` from the first on; and
    ``number`` how many. ``retry_after`` is in seconds.
    """

    fault: int | str
    service: str
    methods: frozenset[str] = frozenset()
    path: str = "*"
    which: str = "every"
    number: float = 1
    retry_after: int | None = None
    _count: int = field(default=0, init=False)
    _began: float = field(default=0.0, init=False)

    def is_due(self, service: str, request: Request, now: float) -> bool:
        """Return whether a request is to meet the fault; one that matches is counted."""
        if service != self.service or (self.methods and request.method not in self.methods):
            return False
        if not fnmatchcase(fold(request.path), fold(self.path)):
            return False
        self._count += 1
        if self._count == 1 or now < self._began:  # the clock was set back
            self._began = now
        match self.which:
            case "nth":
                return self._count == self.number
            case "first":
                return self._count <= self.number
            case "seconds":
                return now - self._began < self.number
            case _:
                return self._count % self.number == 0


class Faults:
    """The faults that were ordered; each counts from when the sandbox is started."""

    def __init__(self, rules: Iterable[Rule], seed_data: SeedData, clock: Clock) -> None:
        self._rules = list(rules)
        self._seed_data = seed_data
        self._clock = clock

    def before(self, service: str, handle: Handle) -> Handle:
        """Return what answers the requests of a service instead of ``handle``, by which it answers all others."""

        def answer(request: Request) -> Answer:
            if request.headers.get("User-Agent") == COMMAND_LINE:
                return handle(request)
            now = self._clock.seconds()
            due = [rule for rule in self._rules if rule.is_due(service, request, now)]
            if not due:
                return handle(request)
            _log.info("%s %s meets the fault %s", request.method, request.path, due[0].fault)
            return self._meet(due[0], request, handle)

        return answer

    def _meet(self, rule: Rule, request: Request, handle: Handle) -> Answer:
        if isinstance(rule.fault, int):
            return answer_status(rule.fault, rule.service, request, self._clock.now(), rule.retry_after)
        refuse = NAMED[rule.fault].refuse
        if refuse is not None:
            return refuse(request, self._seed_data)
        if rule.fault == "lost":
            handle(request)
        return NoAnswer(hangs=rule.fault == "hang")
