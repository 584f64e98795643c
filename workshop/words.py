"""Words of messages."""


def quantity(number: float, noun: str) -> str:
    """Return how much there is of something: ``1 row``, ``2 rows``, ``0.5 seconds``."""
    return f"{number:.15g} {noun}{'' if number == 1 else 's'}"
