"""What is data and not code, in YAML files beside the modules that read it."""

from importlib.resources import files
from string import Template
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is there, and ten times as fast, with libyaml


def read_data(package: str, name: str, **values: str) -> Any:
    """Return what the file ``name`` beside the modules of a package holds, with ``values`` where it names them."""
    text = (files(package) / name).read_text("utf-8")
    return yaml.load(Template(text).substitute(values) if values else text, _Loader)
