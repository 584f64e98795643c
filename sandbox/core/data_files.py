"""What is data and not code, in YAML files beside the modules that read it as they are imported.

So what a server knows is all of one version, even if its files are replaced as it runs.
"""

from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is there, and ten times as fast, with libyaml


def read_data(module: str, name: str) -> Any:
    """Return what the file ``name`` beside the file of a module, its ``__file__``, holds."""
    return yaml.load(Path(module).with_name(name).read_bytes(), _Loader)


def filled(data: Any, **names: object) -> Any:
    """Return what a file holds with each of the ``{names}``, in texts and in keys, replaced by what it stands for."""
    if isinstance(data, str):
        return data.format_map(names)
    if isinstance(data, dict):
        return {filled(key, **names): filled(value, **names) for key, value in data.items()}
    return [filled(each, **names) for each in data] if isinstance(data, list) else data
