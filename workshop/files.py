"""Reading notebooks and data, and writing files whole or not at all."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workshop.errors import UsageError, translate_os_errors

if TYPE_CHECKING:
    from nbformat import NotebookNode


def read_text(path: Path) -> str:
    """Read a file in UTF-8; raise UsageError if it cannot be read."""
    try:
        with translate_os_errors(f"{path} cannot be read", UsageError):
            return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not in UTF-8; save it as UTF-8.") from None


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook, brought to version 4.5 of the format; raise UsageError if it is missing, unreadable or none."""
    import nbformat

    text = read_text(path)
    try:
        content = nbformat.reader.reads(text)
        notebook: NotebookNode = nbformat.convert(content, 4)
        notebook.nbformat_minor = 5
        _name_cells(notebook)
        nbformat.validate(notebook)
    except Exception as error:  # besides its own errors, nbformat raises what odd JSON leads to
        raise UsageError(f"{path} is not a Jupyter notebook: {str(error).splitlines()[0]}") from error
    return notebook


def _name_cells(notebook: NotebookNode) -> None:
    """Give cells that have no id of their own one that is the same at every reading."""
    seen: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        if cell.get("id", "") in {"", *seen}:
            cell["id"] = f"cell-{index}"
        seen.add(cell["id"])


def notebook_text(notebook: NotebookNode) -> str:
    """Return what a notebook's file holds: the same text for the same notebook."""
    import nbformat

    text: str = nbformat.v4.writes(notebook)
    return text.rstrip("\n") + "\n"


def encodable(text: str) -> str:
    """Return ``text`` with lone surrogates, which paths and outputs can have and a file cannot, as JSON writes them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class WithDuplicate(dict[str, Any]):
    """Names and values of which a name came twice."""

    duplicate: str


def parse_data(path: Path, text: str) -> Any:
    """Return what a JSON or YAML file holds, or raise UsageError; mappings in which a name comes twice are marked."""
    if path.suffix.lower() == ".json":
        return _json(path, text)
    if path.suffix.lower() in {".yaml", ".yml"}:
        return _yaml(path, text)
    raise UsageError(f"{path} should be called .yaml, .yml or .json.")


def _json(path: Path, text: str) -> object:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return _marked(dict(pairs), [name for name, _ in pairs])

    try:
        return json.loads(text, object_pairs_hook=mapping)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}.") from error


def _yaml(path: Path, text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):
        """Notices names that come twice."""

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
        names = [loader.construct_object(name) for name, _ in node.value]
        loader.flatten_mapping(node)
        return _marked(loader.construct_mapping(node, deep=True), names)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error


def _marked(values: dict[Any, Any], names: Sequence[Hashable]) -> dict[str, Any]:
    """Return ``values``, marked if one of ``names`` came twice."""
    if len(set(names)) == len(names):
        return values
    marked = WithDuplicate(values)
    marked.duplicate = str(next(name for index, name in enumerate(names) if name in names[:index]))
    return marked


def write_whole(path: Path, text: str) -> None:
    """Write a file, or raise WorkshopError; a reader, or whoever comes after a crash, finds the old text or the new."""
    with translate_os_errors(f"{path} cannot be written"):
        put_in_place(stage(path, text), path)


def write_private(path: Path, text: str) -> None:
    """Write a file whole, as `write_whole` does, for its owner only from its first moment."""
    put_in_place(stage(path, text, private=True), path)


def make_private_folder(path: Path) -> None:
    """Make a folder, and those it is in, that only its owner can look into; one that is there is left as it is."""
    with translate_os_errors(f"The folder {path} cannot be made", UsageError):
        missing = [each for each in (path, *path.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)


def stage(path: Path, text: str, *, private: bool = False) -> Path:
    """Write what is to become ``path`` beside it, with the rights it has or would normally get; return that file.

    If ``private``, it is its owner's only. If this raises an OSError, nothing is left behind.
    """
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not private:
            staged.chmod(path.stat().st_mode & 0o777)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged


def put_in_place(staged: Path, path: Path) -> None:
    """Make a staged file the one that it is to become; one that cannot is removed."""
    try:
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
