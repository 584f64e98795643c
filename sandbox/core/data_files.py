"""What is data and not code, in YAML files beside the modules that read it."""

from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is there, and ten times as fast, with libyaml


def read_data(module: str, name: str) -> Any:
    """Return what the file ``name`` beside the file of a module, its ``__file__``, holds."""
    return yaml.load(Path(module).with_name(name).read_bytes(), _Loader)


class Refusals:
    """A service's refusals, in its own words.

    In the file, a refusal's name has first what the service calls it by and what it says about it, then the headers
    that go with it. ``{}`` stands for what one is about.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    @cached_property
    def _known(self) -> dict[str, dict[Any, str]]:
        known: dict[str, dict[Any, str]] = read_data(self._module, "refusals.yaml")
        return known

    def fill(self, name: str, *about: object) -> tuple[list[str], str, dict[str, str]]:
        """Return what the refusal ``name`` is called by, word for word, what it says, and its headers."""
        (called, text), *headers = self._known[name].items()
        filled = {header: value.format(*about) for header, value in headers}
        return str(called).split(), text.format(*about), filled
