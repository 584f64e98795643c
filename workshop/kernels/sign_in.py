"""A sign-in to Azure that the kernels of a series share, so that ``az`` is started, or a browser opened, once."""

from __future__ import annotations

import ast
import json
from queue import Empty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workshop.kernels.manager import Manager

_NAME = "helpers.connection.sign_in"
_MODULE = f"__import__('sys').modules.get('{_NAME}')"  # None in a kernel that has not signed in by the helpers
_LIMIT = 10  # seconds; a kernel that is busy until its end has nothing more to tell
_Answers = dict[str, tuple[str, int]]  # by the way to sign in: a token, and when it expires


class SharedSignIn:
    """What one kernel has signed in with, for the next; it goes by the kernels' own channel, and is kept nowhere."""

    def __init__(self) -> None:
        self._obtained: _Answers = {}

    def tokens(self) -> list[str]:
        """Return the access tokens, which are to be in nothing that is saved."""
        return [token for token, _ in self._obtained.values()]

    async def hand_over(self, manager: Manager) -> None:
        """Give a kernel what those before it have."""
        if self._obtained:
            given = repr(json.dumps(self._obtained))
            await _evaluate(manager, f"__import__('importlib').import_module('{_NAME}').accept({given})")

    async def collect(self, manager: Manager) -> None:
        """Take from a kernel what it has, unless it is busy or gone."""
        if await manager.is_alive():
            answer = await _evaluate(manager, f"{_MODULE} and {_MODULE}.for_other_kernels()")
            self._obtained |= json.loads(answer) if isinstance(answer, str) else {}


async def _evaluate(manager: Manager, expression: str) -> object:
    """Evaluate an expression in a kernel, as no cell of its own; return its value, or None."""
    client = manager.client()
    client.start_channels()
    request = client.execute("", silent=True, store_history=False, user_expressions={"value": expression})
    try:
        while (reply := await client.get_shell_msg(timeout=_LIMIT))["parent_header"].get("msg_id") != request:
            continue
    except Empty:
        return None
    value = reply["content"].get("user_expressions", {}).get("value", {})
    return ast.literal_eval(value["data"]["text/plain"]) if value.get("status") == "ok" else None
