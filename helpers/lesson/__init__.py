"""The lesson's other half: it answers what the learner tries."""

from helpers.lesson.answers import compare
from helpers.lesson.world import picture

__all__ = ["compare", "picture"]
