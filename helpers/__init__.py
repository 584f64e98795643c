"""What the notebooks import, besides Azure's SDK. Each name is imported when it is asked for, with what it needs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.connection import connect as connect
    from helpers.course.catch_up import ensure_group as ensure_group
    from helpers.course.catch_up import ensure_identity as ensure_identity
    from helpers.course.catch_up import ensure_vm as ensure_vm
    from helpers.course.grants import ensure_granted as ensure_granted
    from helpers.course.grants import ensure_not_granted as ensure_not_granted
    from helpers.course.preflight import preflight as preflight
    from helpers.errors import explain as explain
    from helpers.names import check_names as check_names
    from helpers.tables import show as show
    from helpers.wait import wait_until as wait_until
    from rbac.actions import allows as allows

_MODULES = {
    "allows": "rbac.actions",
    "check_names": "helpers.names",
    "connect": "helpers.connection",
    "ensure_granted": "helpers.course.grants",
    "ensure_group": "helpers.course.catch_up",
    "ensure_identity": "helpers.course.catch_up",
    "ensure_not_granted": "helpers.course.grants",
    "ensure_vm": "helpers.course.catch_up",
    "explain": "helpers.errors",
    "preflight": "helpers.course.preflight",
    "show": "helpers.tables",
    "wait_until": "helpers.wait",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'helpers' has no attribute '{name}'")
    return getattr(import_module(_MODULES[name]), name)
