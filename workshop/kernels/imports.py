"""Imports papermill and nbconvert without what takes longest in them and nothing here uses."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

# jsonschema takes these if they are there, for formats that no notebook has. The first compiles a grammar as it is
# imported, for 0.7 s; the second a long pattern; the third brings a library of calendars.
_FORMATS = ("rfc3987_syntax", "rfc3986_validator", "isoduration")
_AZURE_BLOBS = "papermill.abs"  # imports azure.identity, and only then misses what it is for

_lock = threading.Lock()


def import_papermill() -> None:
    """Import papermill: the same as ever, in half the time. Usable from any thread."""
    with _lock:
        if "papermill" not in sys.modules:
            blobs = () if _is_there("azure.storage.blob") else (_AZURE_BLOBS,)
            _import("papermill", [*_FORMATS, *blobs])


def import_nbconvert() -> None:
    """Import what pages are made with: the same as ever, in a third of the time."""
    with _lock:
        _import("nbconvert", _FORMATS)


@contextmanager
def collector_off() -> Iterator[None]:
    """Import with Python's collector at rest: it would look through all there is, time and again, for no garbage.

    What there is at the end is set aside for good: not even when Python ends need the collector look through it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # first: the collector begins as soon as it may
        if was_on:
            gc.enable()


class _Missing(MetaPathFinder):
    """Finds that some modules are not there, whether they are or not."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Leave a module to the other finders, unless it is one of these."""
        if fullname in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def _import(module: str, without: Sequence[str]) -> None:
    """Import a module that finds some others missing, but for those that are imported already."""
    missing = _Missing(without)
    sys.meta_path.insert(0, missing)
    try:
        with collector_off():
            importlib.import_module(module)
    finally:
        sys.meta_path.remove(missing)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package it would be in
        return False
