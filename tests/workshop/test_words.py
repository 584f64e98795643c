"""Words of messages."""

import pytest

from workshop.words import quantity


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1.0, "1 row"), (0.5, "0.5 rows"), (12345678, "12345678 rows")],
)
def test_only_one_is_singular(number: float, said: str) -> None:
    assert quantity(number, "row") == said
