"""Putting one learner back to the beginning: their group is deleted with all that is in it, and made anew."""

from __future__ import annotations

from dataclasses import dataclass, replace

from azure.core.exceptions import AzureError

from helpers import explain
from workshop.classroom.classroom import Learner
from workshop.classroom.clients import RefusedError
from workshop.classroom.learner_notebooks import set_aside
from workshop.classroom.parallel import Outcome
from workshop.classroom.provision import Provisioning
from workshop.classroom.survey import Survey, take_survey
from workshop.errors import WorkshopError


@dataclass(frozen=True)
class Reset:
    """What is to be done anew besides the group.

    Attributes:
        notebooks: the learner's copies; the old ones are set aside.
        sign_in: their credential of the sandbox.
    """

    notebooks: bool
    sign_in: bool


def reset(provisioning: Provisioning, learner: Learner, survey: Survey, wanted: Reset) -> Outcome[Learner]:
    """Delete what is the learner's, and provide it again.

    A machine is made again if there was one, on Azure too.

    Raises:
        RefusedError: Azure refused to delete the group.
        WorkshopError: The group is not the learner's.
    """
    if clash := provisioning.clash(learner, survey):
        raise WorkshopError(clash)
    had_machine = bool(survey.machines_in(learner.resource_group))
    if learner.resource_group.casefold() in survey.groups:
        try:
            provisioning.clients.resources.resource_groups.begin_delete(learner.resource_group).result()
        except AzureError as error:
            raise RefusedError(explain(error).message) from error
    folder = provisioning.folder.of(learner)
    if wanted.notebooks:
        set_aside(folder.notebooks)
    if wanted.sign_in:
        folder.forget_environment()
    again = replace(provisioning, with_machines=provisioning.with_machines or had_machine)
    return again.provision([learner], take_survey(again.clients), 1, lambda *_: None)[0]
