"""Why templates cannot be deployed; what is said about it stands in ``refusals.yaml``."""

from sandbox.core.refusals import Refusal, Refusals


class TemplateError(Refusal):
    """A template that cannot be deployed: its ``code`` is what failed, and its one header Microsoft's page about it."""

    def __str__(self) -> str:
        see = self.headers.get("see", "arm-syntax" if self.code == "validation" else "arm-functions")
        reason = f"{self.message}. Please see https://aka.ms/{see} for usage details."
        return f"Deployment template {self.code} failed: '{reason}'."


refusal = Refusals(__file__, TemplateError)
