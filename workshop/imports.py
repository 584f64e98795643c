"""Imports papermill and nbconvert without what takes longest in them and nothing here uses."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

# jsonschema takes these if they are there, for formats that no notebook has. The first compiles a grammar as it is
# imported, for 0.7 s; the second brings a library of calendars.
_FORMATS = ("rfc3987_syntax", "isoduration")
_AZURE_BLOBS = "papermill.abs"  # imports azure.identity, and only then misses what it is for


def import_papermill() -> None:
    """Import papermill: the same as ever, in half the time."""
    blobs = () if _is_there("azure.storage.blob") else (_AZURE_BLOBS,)
    with _spared([*_FORMATS, *blobs]), collector_off():
        importlib.import_module("papermill")


def import_nbconvert() -> None:
    """Import what pages are made with: the same as ever, in a third of the time."""
    with _spared([*_FORMATS]), collector_off():
        importlib.import_module("nbconvert")


@contextmanager
def collector_off() -> Iterator[None]:
    """Import with Python's collector at rest: it would look through all there is, time and again, for no garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _spared(names: list[str]) -> Iterator[None]:
    """Have some modules found missing, but for those that are imported already."""
    names = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None is Python's own way to say: not to be had
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package it would be in
        return False
