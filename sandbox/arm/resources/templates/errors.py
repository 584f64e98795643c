"""What is wrong with a template, in Resource Manager's words."""

from __future__ import annotations


class TemplateError(Exception):
    """A template that cannot be deployed; the message says why."""


def validation_failed(what: str, see: str = "arm-syntax") -> TemplateError:
    """Return the refusal of a template that cannot be read; ``see`` names Microsoft's page about it."""
    return TemplateError(
        f"Deployment template validation failed: '{what}. Please see https://aka.ms/{see} for usage details.'."
    )


def evaluation_failed(what: str) -> TemplateError:
    """Return the refusal of an expression that has no value."""
    return TemplateError(
        f"Deployment template language expression evaluation failed: '{what}. "
        "Please see https://aka.ms/arm-functions for usage details.'."
    )
