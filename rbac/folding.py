"""The one way in which the sandbox disregards case: ids, actions and scopes all compare through `fold`."""


def fold(text: str) -> str:
    """Return `text` with case removed, character by character, so that its length never changes.

    This is Unicode's *simple* case folding. `str.casefold` would also make "ß" equal to "ss", and so open
    the resource group "straße" to whoever holds a role on "strasse"; Azure keeps such names apart.
    """
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character
