import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from playwright.sync_api import sync_playwright

from tests.support.needs import in_need_of
from tests.workshop.small_notebooks import code, markdown, notebook
from workshop.notebooks.outcome import Failure, State
from workshop.pages.html import closes_its_tags, notebook_page, page_by
from workshop.pages.index import IndexEntry, index_page, title_of

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>Who asks whom</title><path d="M0 0"/></svg>'
TEXT = """\
# Get a *token*

![You ask the service](images/drawing.svg)

[On](01_next.ipynb), [there](01_next.ipynb#part), [elsewhere](09_other.ipynb)

```powershell
Get-AzVM -Name myVM
```

<details>
<summary>The same with the Azure CLI</summary>

```bash
az vm show
```

</details>

| Field | Meaning |
| ----- | ------- |
| oid | principal id |
"""
NAMES = ["00_first", "01_next"]


class Loads(HTMLParser):
    """Collects what a browser would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            fetched = name in {"src", "srcset", "data", "poster", "background"} or (tag == "link" and name == "href")
            if fetched and not (value or "").startswith("data:"):
                self.found.append(f"{tag} {name}={value}")


def node() -> NotebookNode:
    solution = code("answer = 42", "solution")
    solution.metadata["jupyter"] = {"source_hidden": True}
    made = notebook(markdown(TEXT), "print(1 < 2)", solution)
    made.cells[2].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="1 < 2\n"),
        nbformat.v4.new_output("display_data", {"text/html": "<table><tr><td>cell</td></tr></table>"}),
        nbformat.v4.new_output("display_data", {"image/svg+xml": DRAWING}),
        nbformat.v4.new_output("error", ename="E", evalue="<why>", traceback=["\x1b[31mE\x1b[0m: <why>"]),
    ]
    return made


@pytest.fixture
def page(tmp_path: Path) -> str:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "drawing.svg").write_text(DRAWING)
    return notebook_page(node(), NAMES, "00_first", tmp_path)


def test_a_page_needs_nothing_else(page: str) -> None:
    assert Loads(page).found == []
    assert not re.search(r"@import|url\((?!['\"]?data:)", page)
    assert "<script" not in page
    assert len(page) < 50_000


def test_drawings_are_embedded_as_text(page: str) -> None:
    assert page.count("data:image/svg+xml,%3Csvg") == 2
    assert base64.b64encode(DRAWING.encode())[:40].decode() not in page
    assert 'alt="You ask the service"' in page


def test_pictures_of_other_kinds_are_embedded_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "a dot.png").write_bytes(b"png")
    (tmp_path / "notes.txt").write_text("secret")
    text = '![dot](a%20dot.png)\n\n<img alt="dot" src="a dot.png"> <img alt="text" src="notes.txt">'
    page = notebook_page(notebook(markdown(text)), ["00_a"], "00_a", tmp_path)
    assert page.count(f'src="data:image/png;base64,{base64.b64encode(b"png").decode()}"') == 2
    assert 'src="notes.txt"' in page


@pytest.mark.parametrize("more", ["", "<b>left open", '<a name="here" />', "<div>", "</details>"])
def test_a_page_is_the_one_that_nbconvert_makes(tmp_path: Path, more: str) -> None:
    """But for how it is written: HTMLExporter has BeautifulSoup write its pages."""
    made = node()
    made.cells[0].source += f'\n\n<img src="data:,"> {more}\n'
    made.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    options: dict[str, Any] = {"metadata": {"name": "00_first", "path": str(tmp_path)}}
    ours, nbconverts = (HTMLExporter(template_name="lab", exclude_anchor_links=True) for _ in range(2))
    pages = [page_by(ours, made, {**options}), nbconverts.from_notebook_node(made, {**options})[0]]
    mine, theirs = (BeautifulSoup(page, "html.parser") for page in pages)
    assert closes_its_tags(pages[0])
    for picture in (*mine.find_all("img"), *theirs.find_all("img")):
        assert picture.attrs.pop("alt")
    assert mine.body == theirs.body
    assert len(mine.select("[tabindex='0']")) == len(made.cells) + len(made.cells[2].outputs)


@pytest.mark.parametrize(
    ("html", "closed"),
    [
        ('<p class="a > b">x<br>y<img src="x" /></p>', True),
        ("<p><b>x</p></b>", False),
        ("<p>x", False),
        ("x</p>", False),
        ('<h2>x<a href="#x" /></h2>', False),
        ("<P>x</p>", True),
    ],
)
def test_what_is_left_open_is_seen(html: str, closed: bool) -> None:
    assert closes_its_tags(html) is closed


def test_nothing_on_a_page_is_within_what_was_left_open(page: str) -> None:
    assert closes_its_tags(page)


def test_headings_can_be_linked_to(page: str) -> None:
    assert '<h1 id="Get-a-token">' in page


def test_a_page_reads_as_the_notebook_does(page: str) -> None:
    assert "<title>Get a token</title>" in page
    assert "1 &lt; 2" in page
    assert "<td>cell</td>" in page
    assert '<span class="ansi-red-fg">E</span>: &lt;why&gt;' in page
    folded = re.search(r"<details>\n<summary>The same with the Azure CLI</summary>(.*?)</details>", page, re.DOTALL)
    assert folded
    assert "az<" in folded.group(1)
    assert "<td>principal id</td>" in page
    assert re.search(r"<details[^>]*>\s*<summary>A solution</summary>", page)
    assert page.index("<summary>A solution") < page.index("answer")


def test_links_lead_to_pages_where_there_are_some(page: str) -> None:
    assert '<a href="01_next.html">On</a>' in page
    assert '<a href="01_next.html#part">there</a>' in page
    assert '<a href="09_other.ipynb">elsewhere</a>' in page
    assert 'rel="next"' in page
    assert 'rel="prev"' not in page


def test_a_page_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "drawing.svg").write_text(DRAWING)
    failure = Failure("c2", 2, "print(1 < 2)", "ValueError: <why>", "")
    page = notebook_page(node(), NAMES, "01_next", tmp_path, failure)
    assert '<a href="#cell-id=c2">In [2]</a>' in page
    assert 'id="cell-id=c2"' in page
    assert "ValueError: &lt;why&gt;" in page


def test_the_index_escapes_what_it_shows() -> None:
    rows = [
        IndexEntry("00_a", "A <b>", State.COMPLETED, 3, 1.25),
        IndexEntry("01_b", "B", State.FAILED, 2, 0.5),
        IndexEntry("02_c", "C", State.SKIPPED, 4),
    ]
    page = index_page(rows, {"Identity": "<ID1>"}, "ValueError: <why>")
    assert '<a href="00_a.html">00_a</a>' in page
    assert "A &lt;b&gt;" in page
    assert "&lt;ID1&gt;" in page
    assert "ValueError: &lt;why&gt;" in page
    assert 'href="02_c.html"' not in page
    assert Loads(page).found == []


def test_ids_may_be_broken_after_a_slash() -> None:
    page = index_page([], {"group.id": "/subscriptions/<1>/resourceGroups/g"})
    assert "<td>/<wbr>subscriptions/<wbr>&lt;1&gt;/<wbr>resourceGroups/<wbr>g</td>" in page


def test_long_ids_are_within_the_page() -> None:
    long = f"/subscriptions/{'0' * 36}/resourceGroups/myResourceGroupVM/providers/{'x' * 200}"
    entries = [IndexEntry("00_a", "A", State.COMPLETED, 3, 1.25)]
    chromium = in_need_of("chromium", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1100, "height": 800})
        shown.set_content(index_page(entries, {"group.properties.provisioning_state": long}))
        hidden = shown.locator("table").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
        browser.close()
    assert hidden == [0, 0]


@pytest.mark.parametrize(
    ("source", "title"),
    [("# Title\n\ntext", "Title"), ("text\n# *Two* `words` #\n", "Two words"), ("## Second", "name"), ("#no", "name")],
)
def test_titles_are_first_headings(source: str, title: str) -> None:
    assert title_of(notebook(markdown(source)), "name") == title
