"""The process that makes pages."""

import os
from pathlib import Path

import psutil
import pytest

from tests.workshop.small_notebooks import markdown, notebook, write_series
from workshop.errors import WorkshopError
from workshop.pages.page_maker import PageMaker

NAMES = ["00_a", "01_b"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_series(tmp_path, {name: notebook(markdown(f"# Notebook {name}"), "1") for name in NAMES})


def make(maker: PageMaker, folder: Path, name: str) -> None:
    maker.make(folder / f"{name}.ipynb", NAMES, folder, None)


def test_pages_are_there_when_it_has_finished(folder: Path) -> None:
    maker = PageMaker()
    for name in NAMES:
        make(maker, folder, name)
    maker.finish()
    maker.close()
    for name in NAMES:
        assert f"Notebook {name}" in (folder / f"{name}.html").read_text("utf-8")
    assert not psutil.pid_exists(maker._process.pid)


def test_one_page_that_cannot_be_made_is_told_and_costs_no_other(folder: Path) -> None:
    (folder / "00_a.html").mkdir()
    maker = PageMaker()
    for name in ("00_a", "01_b"):
        make(maker, folder, name)
    make(maker, folder, "02_absent")
    with pytest.raises(WorkshopError) as told:
        maker.finish()
    maker.close()
    assert "00_a.html cannot be written: " in str(told.value)
    assert "02_absent.ipynb cannot be read: No such file or directory." in str(told.value)
    assert (folder / "01_b.html").is_file()
    assert sorted(path.name for path in folder.iterdir()) == ["00_a.html", "00_a.ipynb", "01_b.html", "01_b.ipynb"]


def test_a_process_that_was_killed_is_told(folder: Path) -> None:
    maker = PageMaker()
    psutil.Process(maker._process.pid).kill()
    make(maker, folder, "00_a")
    with pytest.raises(WorkshopError, match="ended with -9" if os.name == "posix" else "ended with"):
        maker.finish()
    maker.close()


def test_it_ends_in_the_middle_if_need_be(folder: Path) -> None:
    maker = PageMaker()
    make(maker, folder, "00_a")
    maker.close()
    assert not psutil.pid_exists(maker._process.pid)
