"""The metadata service's refusals; what they say stands in ``refusals.yaml``."""

from sandbox.core.http import Answer
from sandbox.core.refusals import Refusal, Refusals


class MetadataError(Refusal):
    """A refusal of the metadata service's."""

    def answer(self, *, identity: bool) -> Answer:
        """Return the refusal in the shape of the ``identity`` endpoints: a code and a description; else a sentence."""
        described = {"error": self.code, "error_description": self.message}
        return Answer(self.status, described if identity else {"error": self.message, **self.more}, dict(self.headers))


refusal = Refusals(__file__, MetadataError)
