"""The api-versions each resource type answers to: those in use by SDKs, the CLI and the quickstart."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from rbac.folding import fold
from sandbox.core.seed_data import LOCAL_API_VERSION

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


def _versions(text: str) -> frozenset[str]:
    return frozenset(text.split())


SUBSCRIPTIONS = _versions(
    """
    2014-04-01 2015-01-01 2016-06-01 2018-06-01 2019-06-01 2019-11-01 2020-01-01 2021-01-01 2022-09-01 2022-12-01
    2024-03-01 2024-07-01 2024-11-01 2025-03-01 2025-04-01
    """
)
RESOURCES = _versions(
    """
    2014-04-01 2015-01-01 2015-11-01 2016-02-01 2016-06-01 2016-07-01 2016-09-01 2017-05-01 2017-05-10 2018-01-01
    2018-02-01 2018-05-01 2019-03-01 2019-05-01 2019-05-10 2019-07-01 2019-08-01 2019-10-01 2020-06-01 2020-08-01
    2020-10-01 2021-01-01 2021-04-01 2022-09-01 2023-07-01 2024-03-01 2024-07-01 2024-11-01 2025-03-01 2025-04-01
    """
)
AUTHORIZATION = _versions(
    """
    2015-07-01 2017-05-01 2018-01-01-preview 2018-07-01 2018-09-01-preview 2020-03-01-preview 2020-04-01-preview
    2020-08-01-preview 2020-10-01-preview 2022-04-01 2022-05-01-preview
    """
)
MANAGED_IDENTITY = _versions(
    """
    2015-08-31-preview 2018-11-30 2021-09-30-preview 2022-01-31-preview 2023-01-31 2023-07-31-preview 2024-11-30
    2025-01-31-preview 2025-05-31-preview
    """
)
COMPUTE = _versions(
    """
    2015-06-15 2016-03-30 2016-04-30-preview 2017-03-30 2017-12-01 2018-04-01 2018-06-01 2018-10-01 2019-03-01
    2019-04-01 2019-07-01 2019-12-01 2020-06-01 2020-12-01 2021-03-01 2021-04-01 2021-07-01 2021-11-01 2022-03-01
    2022-08-01 2022-11-01 2023-03-01 2023-07-01 2023-09-01 2024-03-01 2024-07-01 2024-11-01 2025-04-01 2025-11-01
    2026-03-01 2026-04-01
    """
)
NETWORK = _versions(
    """
    2015-06-15 2016-03-30 2016-06-01 2016-07-01 2016-08-01 2016-09-01 2016-10-01 2016-11-01 2016-12-01 2017-03-01
    2017-04-01 2017-06-01 2017-08-01 2017-09-01 2017-10-01 2017-11-01 2018-01-01 2018-02-01 2018-03-01 2018-04-01
    2018-05-01 2018-06-01 2018-07-01 2018-08-01 2018-10-01 2018-11-01 2018-12-01 2019-02-01 2019-04-01 2019-06-01
    2019-07-01 2019-08-01 2019-09-01 2019-11-01 2019-12-01 2020-03-01 2020-04-01 2020-05-01 2020-06-01 2020-07-01
    2020-08-01 2020-11-01 2021-02-01 2021-03-01 2021-05-01 2021-08-01 2021-12-01 2022-01-01 2022-05-01 2022-07-01
    2022-09-01 2022-11-01 2023-02-01 2023-04-01 2023-05-01 2023-06-01 2023-09-01 2023-11-01 2024-01-01 2024-03-01
    2024-05-01 2024-07-01 2024-10-01 2025-01-01 2025-03-01 2025-05-01 2025-07-01 2025-09-01
    """
)
SANDBOX = frozenset({LOCAL_API_VERSION})
