"""The tokens that the helpers in a kernel have got: none is to be saved, and a sign-in is for the next kernel, too.

So ``az`` is started, or a browser opened, once for a series.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from queue import Empty
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workshop.kernels.manager import Manager

_NAME = "helpers.connection.sign_in"
_MODULE = f"__import__('sys').modules.get('{_NAME}')"  # None in a kernel that has not signed in by the helpers
_COLLECTED = {
    "sign_ins": f"{_MODULE} and __import__('json').dumps({_MODULE}.obtained)",
    "issued": f"{_MODULE} and __import__('json').dumps(__import__('sys').modules['helpers.transport'].issued)",
}
_LIMIT = 60  # seconds for an answer; without one, what the kernel has got may be saved in its notebook
_Answers = dict[str, tuple[str, int]]  # by the way to sign in: a token, and when it expires


class KernelTokens:
    """What the kernels of a series have got; it goes by their own channels, and is kept nowhere."""

    def __init__(self) -> None:
        self._obtained: _Answers = {}
        self._issued: set[str] = set()

    def all(self) -> set[str]:
        """Return the access tokens, which are to be in nothing that is saved."""
        return self._issued | {token for token, _ in self._obtained.values()}

    async def hand_over(self, manager: Manager) -> None:
        """Give a kernel the sign-ins of those before it."""
        if self._obtained:
            module = f"__import__('importlib').import_module('{_NAME}')"
            await _evaluate(manager, {"accepted": f"{module}.handed_over.update({self._obtained!r})"})

    async def collect(self, manager: Manager) -> None:
        """Take from a kernel what it has, unless it is busy or gone."""
        if await manager.is_alive():
            answers = await _evaluate(manager, _COLLECTED)
            self._obtained |= json.loads(answers.get("sign_ins", "{}"))
            self._issued.update(json.loads(answers.get("issued", "[]")))


async def _evaluate(manager: Manager, expressions: Mapping[str, str]) -> dict[str, str]:
    """Evaluate expressions in a kernel, as no cell of its own; return those values that are texts."""
    client = manager.clients[-1]
    content: dict[str, Any] = {"status": "aborted"}
    try:
        while content["status"] == "aborted":  # as what waits behind a cell that was interrupted
            request = client.execute("", silent=True, store_history=False, user_expressions=dict(expressions))
            while (reply := await client.get_shell_msg(timeout=_LIMIT))["parent_header"].get("msg_id") != request:
                continue
            content = reply["content"]
    except Empty:
        return {}
    found = content.get("user_expressions", {})
    values = {name: ast.literal_eval(each["data"]["text/plain"]) for name, each in found.items() if "data" in each}
    return {name: value for name, value in values.items() if isinstance(value, str)}
