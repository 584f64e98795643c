"""The api-versions each resource type answers to."""

import re
from datetime import date
from functools import lru_cache

from rbac.folding import fold
from sandbox.core.data_files import read_data
from sandbox.core.seed_data import LOCAL_API_VERSION

_KNOWN = {
    "Sandbox.Local": frozenset({LOCAL_API_VERSION}),
    **{name: frozenset(versions.split()) for name, versions in read_data(__file__, "api_versions.yaml").items()},
}
_VERSION = re.compile(r"(\d{4}-\d\d-\d\d)(-preview)?")


@lru_cache(maxsize=1024)
def is_served(version: str, known: frozenset[str]) -> bool:
    """Return whether a type of these known versions answers to ``version``: to a newer one as to the newest."""
    folded = fold(version)
    if folded in known:
        return True
    found = _VERSION.fullmatch(folded)
    try:
        return found is not None and str(date.fromisoformat(found[1])) > max(known)
    except ValueError:
        return False


def versions_of(type_: str) -> frozenset[str]:
    """Return the api-versions of a resource type: its own, or its provider's."""
    return _KNOWN.get(type_) or _KNOWN[type_.partition("/")[0]]
