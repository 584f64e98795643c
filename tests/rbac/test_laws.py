"""Laws of the decision, for any roles, assignments and questions, and its agreement with the oracle."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rbac.decisions import Assignment, decide, effective_permissions, is_allowed
from rbac.roles import Permission, RoleDefinition
from rbac.scopes import ancestors, canonical
from tests.rbac import oracle
from tests.rbac.strategies import assignments, questions, quick, roles

Question = dict[str, Any]
Roles = dict[str, RoleDefinition]

some_assignments = st.lists(assignments, min_size=1, max_size=4)


@quick
@given(questions, some_assignments, roles)
def test_agrees_with_the_oracle(question: Question, held: list[Assignment], roles: Roles) -> None:
    expected = oracle.may(**question, assignments=held, roles=roles)
    assert decide(**question, assignments=held, roles=roles).allowed is expected
    assert is_allowed(**question, assignments=held, roles=roles) is expected


@quick
@given(questions, roles)
def test_without_assignments_all_is_refused(question: Question, roles: Roles) -> None:
    assert not is_allowed(**question, assignments=[], roles=roles)


@quick
@given(questions, some_assignments)
def test_without_role_definitions_all_is_refused(question: Question, held: list[Assignment]) -> None:
    assert not is_allowed(**question, assignments=held, roles={})


@quick
@given(questions, some_assignments, assignments, roles)
def test_adding_an_assignment_never_takes_a_right_away_and_removing_it_restores(
    question: Question, held: list[Assignment], added: Assignment, roles: Roles
) -> None:
    before = is_allowed(**question, assignments=held, roles=roles)
    alone = is_allowed(**question, assignments=[added], roles=roles)
    more = [*held, added]
    assert is_allowed(**question, assignments=more, roles=roles) is (before or alone)
    more.remove(added)
    assert is_allowed(**question, assignments=more, roles=roles) is before


@quick
@given(questions, some_assignments, roles, st.randoms(use_true_random=False))
def test_the_order_of_assignments_does_not_matter(
    question: Question, held: list[Assignment], roles: Roles, random: Random
) -> None:
    shuffled = random.sample(held, len(held))
    assert is_allowed(**question, assignments=held, roles=roles) is is_allowed(
        **question, assignments=shuffled, roles=roles
    )


@quick
@given(questions, some_assignments, roles)
def test_case_does_not_matter(question: Question, held: list[Assignment], roles: Roles) -> None:
    shouted: Question = {key: value.upper() if isinstance(value, str) else value for key, value in question.items()}
    louder = [Assignment(a.id, a.scope.upper(), a.principal_id.upper(), a.role_definition_id.upper()) for a in held]
    expected = is_allowed(**question, assignments=held, roles=roles)
    assert is_allowed(**shouted, assignments=held, roles=roles) is expected
    assert is_allowed(**question, assignments=louder, roles=roles) is expected


@quick
@given(questions, some_assignments, roles)
def test_only_assignments_at_the_ancestors_count(question: Question, held: list[Assignment], roles: Roles) -> None:
    """So whoever asks need only look up the assignments at these scopes."""
    above = [a for a in held if canonical(a.scope) in ancestors(question["scope"])]
    assert is_allowed(**question, assignments=above, roles=roles) is is_allowed(
        **question, assignments=held, roles=roles
    )


@quick
@given(questions, some_assignments, roles)
def test_the_reasons_add_up_to_the_decision(question: Question, held: list[Assignment], roles: Roles) -> None:
    decision = decide(**question, assignments=held, roles=roles)
    own = [a for a in held if a.principal_id.lower() == question["principal_id"].lower()]
    assert [entry.assignment_id for entry in decision.considered] == [a.id for a in own]
    for entry, assignment in zip(decision.considered, own, strict=True):
        assert entry.grants is is_allowed(**question, assignments=[assignment], roles=roles)
        assert entry.removed_by is None or entry.allowed_by is not None
    assert decision.allowed is any(entry.grants for entry in decision.considered)
    assert len(decision.why().splitlines()) >= 2


@quick
@given(questions, some_assignments, roles)
def test_effective_permissions_allow_exactly_what_is_allowed(
    question: Question, held: list[Assignment], roles: Roles
) -> None:
    own = [a for a in held if a.principal_id.lower() == question["principal_id"].lower()]
    listed = effective_permissions(own, roles, question["scope"])
    expected = is_allowed(**question, assignments=held, roles=roles)
    assert any(_allows(permission, question) for permission in listed) is expected


def _allows(permission: Permission, question: Question) -> bool:
    """Put the permission into a role of its own, assigned everywhere."""
    alone = RoleDefinition("r", "Alone", "", "CustomRole", ("/",), (permission,), None, None)
    everywhere = Assignment("a", "/", question["principal_id"], "r")
    return oracle.may(**question, assignments=[everywhere], roles={"r": alone})
