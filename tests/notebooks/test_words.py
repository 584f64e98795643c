"""Words are explained where they first appear, and what matters most is said more than once."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.course import NAMES, book

GLOSSARY = re.findall(r"^\| \*\*(.+?)\*\* \| .+ \| (\d\d)[^|]* \|$", book("index").prose, re.MULTILINE)
SAID = "Whoever can run code on the VM is the identity; whoever may assign it can borrow it,"


def plain(source: str) -> str:
    """The running text: without what is folded away, headings, pictures, links' targets and the opening's frame."""
    text = re.sub(r"<details>.*?</details>|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)", "", source, flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize(("word", "number"), GLOSSARY)
def test_a_word_of_the_glossary_is_set_off_where_it_first_appears(word: str, number: str) -> None:
    first = re.compile(rf"(?<![\w`-]){re.escape(re.sub(r' [(]VM[)]| and .*|`', '', word))}", re.IGNORECASE)
    texts = [(name, plain(cell.source)) for name in NAMES for cell in book(name).cells[1:] if not cell.is_code]
    name, text = next((name, text) for name, text in texts if first.search(text))
    assert name.startswith(number)
    found = first.search(text)
    assert found
    assert re.search(r"(\*|`)[^*`]*\Z", text[: found.start()]), f"{word} is not set off in: {text}"


def test_the_glossary_is_in_order() -> None:
    words = [word.strip("`.").casefold() for word, _ in GLOSSARY]
    assert len(words) > 20 and words == sorted(words)


def test_the_words_that_newcomers_lack_are_in_it() -> None:
    words = " ".join(word for word, _ in GLOSSARY)
    for word in ("tenant", "Entra", "principal", "scope", "`.default`", "control plane and data plane"):
        assert word in words


@pytest.mark.parametrize("name", ["02_assign_identity", "04_get_token"])
def test_who_can_be_the_identity_is_said_where_it_is_assigned_and_used(name: str) -> None:
    assert SAID in book(name).prose
