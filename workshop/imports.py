"""Imports papermill without what takes longest in it and nothing here uses."""

from __future__ import annotations

import importlib
import sys

_GRAMMAR = "rfc3987_syntax"  # jsonschema takes it if it is there; it compiles a grammar as it is imported, for 0.7 s


def import_papermill() -> None:
    """Import papermill, and with it jsonschema without its check of the format ``iri``, which no notebook has."""
    spared = _GRAMMAR not in sys.modules
    if spared:
        sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # Python's own way to say: not to be had
    try:
        importlib.import_module("papermill")
    finally:
        if spared:
            del sys.modules[_GRAMMAR]
