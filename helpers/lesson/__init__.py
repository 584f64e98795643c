"""The lesson's other half: it answers what the learner tries."""

from helpers.lesson.checks import (
    check_both,
    check_inside,
    check_lacking,
    check_marked,
    check_second_grant,
    check_spare,
    check_wrong_door,
)
from helpers.lesson.predictions import compare
from helpers.lesson.world import picture

__all__ = [
    "check_both",
    "check_inside",
    "check_lacking",
    "check_marked",
    "check_second_grant",
    "check_spare",
    "check_wrong_door",
    "compare",
    "picture",
]
