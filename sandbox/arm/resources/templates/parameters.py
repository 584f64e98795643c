"""A template's parameters: what is declared, what is given, and what that comes to."""

from __future__ import annotations

from typing import Any

from sandbox.arm.resources.templates.errors import validation_failed
from sandbox.arm.resources.templates.expressions import Functions, evaluate

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "object": dict,
    "secureobject": dict,
    "array": list,
}
_SECURE = ("securestring", "secureobject")
_SHOWN = {"string": "String", "securestring": "SecureString", "secureobject": "SecureObject"}


def read_parameters(declared: dict[str, Any], given: dict[str, Any], functions: Functions) -> dict[str, Any]:
    """Return the value of each declared parameter.

    Args:
        declared: The template's ``parameters``.
        given: The deployment's: ``{name: {"value": …}}``.
        functions: What default values may call.

    Raises:
        TemplateError: One is missing, not declared, or has a value that is not allowed.
    """
    names = {name.casefold(): name for name in declared}
    surplus = [name for name in given if name.casefold() not in names]
    if surplus:
        raise validation_failed(
            f"The following parameters were supplied, but do not correspond to any parameters defined in the template: "
            f"'{', '.join(surplus)}'. The parameters defined in the template are: '{', '.join(declared)}'",
            "arm-pass-parameter-values",
        )
    values = {names[name.casefold()]: _given(name, entry) for name, entry in given.items()}
    return {name: _value(name, declaration, values, functions) for name, declaration in declared.items()}


def shown_parameters(declared: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return what a deployment tells of its parameters: never the value of a secure one."""
    return {name: _shown(_type(declaration), values[name]) for name, declaration in declared.items()}


def _shown(type_: str, value: Any) -> dict[str, Any]:
    shown = {"type": _SHOWN.get(type_, type_.capitalize())}
    return shown if type_ in _SECURE else {**shown, "value": value}


def _given(name: str, entry: Any) -> Any:
    if not isinstance(entry, dict) or "value" not in entry:
        raise validation_failed(
            f"The value for the template parameter '{name}' is not valid: an object with a 'value' is expected"
        )
    return entry["value"]


def _type(declaration: Any) -> str:
    type_ = declaration.get("type") if isinstance(declaration, dict) else None
    if not isinstance(type_, str) or type_.casefold() not in _TYPES:
        raise validation_failed(f"The template parameter type '{type_}' is not valid")
    return type_.casefold()


def _value(name: str, declaration: Any, values: dict[str, Any], functions: Functions) -> Any:
    type_ = _type(declaration)
    if name in values:
        value = values[name]
    elif "defaultValue" in declaration:
        value = evaluate(declaration["defaultValue"], functions)
    else:
        raise validation_failed(
            f"The value for the template parameter '{name}' is not provided", "arm-create-parameter-file"
        )
    wanted = _TYPES[type_]
    if not isinstance(value, wanted) or (isinstance(value, bool) and type_ != "bool"):
        raise validation_failed(
            f"Template parameter JToken type is not valid. Expected '{_shown(type_, None)['type']}'"
        )
    allowed = declaration.get("allowedValues")
    if isinstance(allowed, list) and value not in allowed:
        raise validation_failed(
            f"The provided value for the template parameter '{name}' is not valid. The value '{value}' is not part of "
            f"the allowed value(s): '{','.join(map(str, allowed))}'"
        )
    return value
