"""The script for Windows, held to PowerShell's grammar, since few machines that test have PowerShell."""

from __future__ import annotations

import json
import re

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from helpers.run_command.messages import KEPT, script_for
from tests.helpers.run_command.services import SIGNATURE, TOKEN

TEXT = script_for("Windows").text
NOT_IN_5_1 = (
    r"\?\?|\?\.|&&|\|\||\?\s*\$\w+\s*:|-AsHashtable|-Parallel|-SkipHttpErrorCheck|utf8NoBOM|\[System\.Net\.Http\."
)


def mistakes(text: str) -> list[str]:
    """The places where the grammar does not fit."""
    found: list[str] = []

    def visit(node: Node) -> None:
        if node.is_error or node.is_missing:
            found.append(f"line {node.start_point[0] + 1}: {node.type}")
        for child in node.children:
            visit(child)

    visit(Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node)
    return found


def test_the_script_is_powershell() -> None:
    assert mistakes(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("try {\n", "try {{\n"),
        ("$packed.ToArray())", "$packed.ToArray("),
        ("'Metadata: true'", "'Metadata: true"),
        ("foreach ($line in $headers) {", "foreach ($line of $headers) {"),
        ("[string] $name)", "[string $name)"),
        ("{ 'no-answer' } else {", "'no-answer' else {"),
        ("-isnot [System.Net.WebException]) {", "-isnot [System.Net.WebException] {"),
        ("1000 * $seconds", "1000 * )"),
        ("default { $call", "default  $call"),
    ],
)
def test_a_mistake_in_it_is_found(right: str, wrong: str) -> None:
    assert right in TEXT
    assert mistakes(TEXT.replace(right, wrong, 1))


def test_it_uses_nothing_that_came_after_windows_powershell() -> None:
    assert re.search(NOT_IN_5_1, TEXT) is None
    assert TEXT.isascii()  # which 5.1 reads in the machine's own code page


def test_every_function_is_there_and_every_variable_was_given_a_value() -> None:
    made = {name.casefold() for name in re.findall(r"^function ([\w-]+)", TEXT, re.MULTILINE)}
    called = {name.casefold() for name in re.findall(r"\b((?:Get|Read|Send|Find|Hide|Write)-\w+)", TEXT)}
    assert called - made <= {"write-output"} and made <= called
    code = re.sub(r"'[^']*'", "''", TEXT)
    given = {name.casefold() for name in re.findall(r"\$(\w+)(?=\s*=[^=]|\s*,|\s*\)\s*\{|\s+in\b)", code)}
    given |= {name.casefold() for name in re.findall(r"\]\s*\$(\w+)", code)}
    used = {name.casefold() for name in re.findall(r"\$(\w+)", code)}
    assert used - given <= {"_", "null", "false", "matches"}


def test_it_decides_nothing_by_the_machines_language() -> None:
    assert TEXT.count(".StartsWith(") == TEXT.count("'Ordinal')")


@pytest.mark.parametrize(
    "said",
    [
        f'{{"access_token":"{TOKEN}","token_type":"Bearer"}}',
        f'{{\r\n  "access_token" : "{TOKEN}",\r\n  "other": "{TOKEN}"\r\n}}',
        f'[{{"access_token":"opaque-{SIGNATURE}"}},{{"access_token":"{TOKEN}"}}]',
        f'{{"access_token":\n"{TOKEN}"}}',
    ],
)
def test_its_patterns_hide_every_signature(said: str) -> None:
    """Python reads these two patterns as .NET does."""
    shaped = re.search(r"-creplace '([^']+)', \('\$1\.' \+ \$word\)", TEXT)
    named = re.search(r"-creplace \('([^']+)' \+ \$word \+ '([^']+)'\), \('\$1' \+ \$word\)", TEXT)
    assert shaped and named
    hidden = re.sub(shaped[1], rf"\1.{KEPT}", said)
    hidden = re.sub(named[1] + KEPT + named[2], rf"\1{KEPT}", hidden)
    assert KEPT in hidden and SIGNATURE not in hidden
    assert json.loads(hidden)
