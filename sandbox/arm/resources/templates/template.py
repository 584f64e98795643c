"""A whole template with its parameters and variables."""

from collections.abc import Callable
from typing import Any

from rbac.folding import fold
from sandbox.arm.resources.templates import errors
from sandbox.arm.resources.templates.expressions import Evaluator, size_of
from sandbox.arm.resources.templates.jsonc import named
from sandbox.arm.resources.templates.plan import DeploymentScope, Planned, plan_resources

_SECTIONS: dict[str, type] = {"parameters": dict, "variables": dict, "resources": list, "outputs": dict}
_DISREGARDED = ("$schema", "contentVersion", "languageVersion", "apiProfile", "metadata", "functions")
_OF_A_PARAMETER = ("type", "defaultValue", "allowedValues", "minValue", "maxValue", "minLength", "maxLength")
_LIMITS = {"parameters": 256, "variables": 256, "outputs": 64}  # ARM's
_TYPES: dict[str, type] = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "object": dict,
    "secureobject": dict,
    "array": list,
}
_SECURE = ("securestring", "secureobject")
_SHOWN_TYPES = {"securestring": "SecureString", "secureobject": "SecureObject"}


class Template:
    """A template that was given parameters, and a target."""

    def __init__(self, template: dict[str, Any], given: dict[str, Any], target: DeploymentScope) -> None:
        template = named(template, (*_SECTIONS, *_DISREGARDED))
        _check_sections(template)
        self._declared = {name: _declaration(given) for name, given in template.get("parameters", {}).items()}
        self._variables = {fold(name): value for name, value in template.get("variables", {}).items()}
        self._outputs: dict[str, Any] = template.get("outputs", {})
        self._evaluating: set[str] = set()
        self._evaluated: dict[str, Any] = {}
        evaluator = Evaluator(target.functions())
        self._values = _read_parameters(self._declared, given, evaluator)
        self._evaluator = evaluator.extended(parameters=self._parameter, variables=self._variable)
        self.resources: list[Planned] = plan_resources(template.get("resources", []), target, self._evaluator)

    @property
    def parameters(self) -> dict[str, Any]:
        """What a deployment tells of its parameters: never the value of a secure one."""
        return {
            name: _shown(declaration["type"], self._values[fold(name)]) for name, declaration in self._declared.items()
        }

    def outputs(self, reference: Callable[..., Any]) -> dict[str, Any]:
        """Return the outputs, of secure ones the type alone; ``reference`` looks up what is there by now."""
        evaluator = self._evaluator.extended(reference=reference)
        shown = {}
        for name, written in self._outputs.items():
            output = named(written, ("type", "value", "condition")) if isinstance(written, dict) else {}
            if not isinstance(output.get("type"), str):
                raise errors.refusal("output", name)
            if evaluator.evaluate(output.get("condition", True)) is True:
                shown[name] = _shown(fold(output["type"]), evaluator.evaluate(output.get("value")))
        return shown

    def _parameter(self, name: str) -> Any:
        if fold(name) not in self._values:
            raise errors.refusal("unknown_parameter", name)
        return self._values[fold(name)]

    def _variable(self, name: str) -> Any:
        folded = fold(name)
        if folded in self._evaluating:
            raise errors.refusal("variable_cycle", name)
        if folded not in self._variables:
            raise errors.refusal("unknown_variable", name)
        if folded not in self._evaluated:
            self._evaluating.add(folded)
            self._evaluated[folded] = self._evaluator.evaluate(self._variables[folded])
            self._evaluating.remove(folded)
        return self._evaluated[folded]


def _check_sections(template: dict[str, Any]) -> None:
    for name in template.keys() - _SECTIONS.keys() - set(_DISREGARDED):
        raise errors.refusal("member", name)
    for section, type_ in _SECTIONS.items():
        if not isinstance(template.get(section, type_()), type_):
            raise errors.refusal("section", section)
    for section, limit in _LIMITS.items():
        if len(template.get(section, ())) > limit:
            raise errors.refusal("most_of_section", section, limit, len(template[section]))
    if template.get("functions"):
        raise errors.refusal("own_functions")


def _read_parameters(declared: dict[str, Any], given: dict[str, Any], evaluator: Evaluator) -> dict[str, Any]:
    """Return the value of each parameter by its name in lowercase; ``given`` is ``{name: {"value": …}}``."""
    known = {fold(name) for name in declared}
    surplus = [name for name in given if fold(name) not in known]
    if surplus:
        raise errors.refusal("surplus_parameters", ", ".join(surplus), ", ".join(declared))
    values = {fold(name): _given(name, entry) for name, entry in given.items()}
    return {fold(name): _value(name, declaration, values, evaluator) for name, declaration in declared.items()}


def _given(name: str, written: Any) -> Any:
    entry = named(written, ("value",)) if isinstance(written, dict) else {}
    if "value" not in entry:
        raise errors.refusal("parameter_without_value", name)
    return entry["value"]


def _value(name: str, declaration: dict[str, Any], given: dict[str, Any], evaluator: Evaluator) -> Any:
    type_ = declaration["type"]
    if fold(name) in given:
        value = given[fold(name)]
    elif "defaultValue" in declaration:
        value = evaluator.evaluate(declaration["defaultValue"])
    else:
        raise errors.refusal("missing_parameter", name)
    if not isinstance(value, _TYPES[type_]) or (isinstance(value, bool) and type_ != "bool"):
        raise errors.refusal("parameter_type", _shown_type(type_))
    size_of(value)
    allowed = declaration.get("allowedValues")
    if isinstance(allowed, list) and value not in allowed:
        raise errors.refusal("not_allowed", name, value, ",".join(map(str, allowed)))
    _check_bounds(name, declaration, value)
    return value


def _check_bounds(name: str, declaration: dict[str, Any], value: Any) -> None:
    what = "Value" if declaration["type"] == "int" else "Length"
    low, high = (declaration.get(f"{bound}{what}") for bound in ("min", "max"))
    size = value if what == "Value" else len(value) if isinstance(value, str | list) else 0
    if (isinstance(low, int) and size < low) or (isinstance(high, int) and size > high):
        raise errors.refusal("out_of_bounds", name, what.lower(), size, low, high)


def _declaration(written: Any) -> dict[str, Any]:
    declaration = named(written, _OF_A_PARAMETER) if isinstance(written, dict) else {}
    type_ = declaration.get("type")
    if not isinstance(type_, str) or fold(type_) not in _TYPES:
        raise errors.refusal("unknown_type", type_)
    return {**declaration, "type": fold(type_)}


def _shown_type(type_: str) -> str:
    return _SHOWN_TYPES.get(type_, type_.capitalize())


def _shown(type_: str, value: Any) -> dict[str, Any]:
    return {"type": _shown_type(type_)} if type_ in _SECURE else {"type": _shown_type(type_), "value": value}
