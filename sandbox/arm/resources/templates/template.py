"""A whole template with its parameters and variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.arm.resources.templates.errors import evaluation_failed, validation_failed
from sandbox.arm.resources.templates.expressions import Functions, evaluate
from sandbox.arm.resources.templates.parameters import read_parameters, shown_parameters
from sandbox.arm.resources.templates.plan import Place, Planned, plan_resources

_SECTIONS = {"parameters": dict, "variables": dict, "resources": list, "outputs": dict}


class Template:
    """A template that was given parameters, in a place.

    Raises:
        TemplateError: It cannot be deployed.
    """

    def __init__(self, template: dict[str, Any], given: dict[str, Any], place: Place) -> None:
        for section, type_ in _SECTIONS.items():
            if not isinstance(template.get(section, type_()), type_):
                raise validation_failed(f"The template's '{section}' is not valid")
        if template.get("functions"):
            raise validation_failed("Functions that a template defines itself are not supported by the sandbox")
        self._declared: dict[str, Any] = template.get("parameters", {})
        self._variables: dict[str, Any] = template.get("variables", {})
        self._outputs: dict[str, Any] = template.get("outputs", {})
        self._evaluating: list[str] = []
        self._evaluated: dict[str, Any] = {}
        place_functions = place.functions()
        self._values = read_parameters(self._declared, given, place_functions)
        self._functions: Functions = {
            **place_functions,
            "parameters": self._parameter,
            "variables": self._variable,
        }
        self.resources: list[Planned] = plan_resources(template.get("resources", []), place, self._functions)

    @property
    def parameters(self) -> dict[str, Any]:
        """What a deployment tells of its parameters."""
        return shown_parameters(self._declared, self._values)

    def outputs(self, reference: Callable[..., Any]) -> dict[str, Any]:
        """Return the outputs; ``reference`` looks up what is there by now."""
        functions = {**self._functions, "reference": reference}
        shown = {}
        for name, output in self._outputs.items():
            if not isinstance(output, dict) or not isinstance(output.get("type"), str):
                raise validation_failed(f"The template output '{name}' is not valid", "arm-syntax-outputs")
            if evaluate(output.get("condition", True), functions) is True:
                shown[name] = {"type": output["type"].capitalize(), "value": evaluate(output.get("value"), functions)}
        return shown

    def _parameter(self, name: str) -> Any:
        for declared, value in self._values.items():
            if declared.casefold() == name.casefold():
                return value
        raise validation_failed(f"The template parameter '{name}' is not found", "arm-syntax-parameters")

    def _variable(self, name: str) -> Any:
        folded = name.casefold()
        if folded in self._evaluating:
            raise evaluation_failed(f"The template variable '{name}' refers to itself")
        for declared, value in self._variables.items():
            if declared.casefold() == folded and folded not in self._evaluated:
                self._evaluating.append(folded)
                self._evaluated[folded] = evaluate(value, self._functions)
                self._evaluating.remove(folded)
        if folded in self._evaluated:
            return self._evaluated[folded]
        raise validation_failed(f"The template variable '{name}' is not found", "arm-syntax-variables")
