import nbformat
from nbformat import NotebookNode

from tests.workshop.notebooks import code, notebook
from workshop.notebooks.summary import summary_of


def showing(cell_id: str, text: str) -> NotebookNode:
    cell = code("show()")
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": text}, execution_count=1)]
    node = notebook(cell)
    node.cells[-1]["id"] = cell_id
    return node


IDENTITY = showing("create-identity-fields", "Name        : ID9\nPrincipalId : 1234\nId          : /a : b")
GRANT = showing(
    "create-grant-fields", "DisplayName : ID1\nObjectId : 5678\nRoleDefinitionName : Key Vault : User\nScope : /s/g"
)


def test_lines_come_from_what_cells_show() -> None:
    assert summary_of([IDENTITY, GRANT, showing("token-lifetime-hours", "'24 hours'")]) == {
        "Identity": "ID9 (principal id 1234)",
        "Role": "Key Vault : User",
        "Scope": "/s/g",
        "Token lives": "24 hours",
    }


def test_the_grant_tells_the_identity_where_the_notebook_that_makes_it_did_not_run() -> None:
    assert summary_of([GRANT])["Identity"] == "ID1 (principal id 5678)"


def test_a_cell_that_shows_something_else_adds_nothing() -> None:
    assert summary_of([showing("token-claims", "aud : x"), notebook("1")]) == {"Token good at": "x"}
