"""Fixtures for running the notebooks' cells in the test's own process."""

from tests.notebooks.conftest import at_sandbox

__all__ = ["at_sandbox"]
