"""Batches on a Dask scheduler and workers that were started by Dask's own commands."""

import gc
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import distributed
import nbformat
import psutil
import pytest

from tests.workshop.batch.conftest import PATIENCE, BatchFolder, all_gone, identities, shows, wait_for
from workshop.batch import batch
from workshop.batch.task import RowTask
from workshop.cli import main

TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"


def test_a_fifth_of_bad_rows_fails_and_only_they(
    desk: BatchFolder, scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(
        {
            "00_name": shows("identity_name"),
            "01_check": shows("assert identity_name[-1] not in '38', f'{identity_name} is bad'"),
            "02_end": shows("'done'"),
        },
        identities(10),
    )
    assert desk.run("--scheduler", scheduler) == 1
    bad = {"row-0003", "row-0008"}
    assert desk.states() == {f"row-{n:04}": "failed" if f"row-{n:04}" in bad else "completed" for n in range(1, 11)}
    failed = [line for line in desk.lines() if line["state"] == "failed"]
    assert sorted((line["row"], line["notebook"], line["error"]) for line in failed) == [
        (3, "01_check", "AssertionError: ID003 is bad"),
        (8, "01_check", "AssertionError: ID008 is bad"),
    ]
    assert "'ID007'" in desk.saved("row-0007", "00_name")
    assert sorted(path.name for path in (desk.output / "row-0003").iterdir()) == ["00_name.ipynb", "01_check.ipynb"]
    assert len(list(desk.output.glob("row-*/02_end.ipynb"))) == 8
    said = capsys.readouterr().out
    assert "8 completed, 2 failed" in said
    assert "row-0003: failed, 2 notebooks" in said
    _check_reports(desk.output, bad)


def _check_reports(output: Path, bad: set[str]) -> None:
    root = ElementTree.parse(output / "junit.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("30", "2", "2")
    assert {case.get("classname") for case in root.iterfind(".//testcase[failure]")} == bad
    assert {case.get("name") for case in root.iterfind(".//testcase[skipped]")} == {"02_end"}
    page = (output / "report.html").read_text("utf-8")
    assert page.count('<td class="failed">failed</td>') == 2
    assert 'href="row-0003/01_check.ipynb" class="failed"' in page
    assert "AssertionError: ID008 is bad" in page
    assert "http" not in page


def test_workers_close_what_rows_ran_by_and_leave_nothing_to_the_collector(desk: BatchFolder, scheduler: str) -> None:
    desk.write({"00_a": shows("identity_name")}, identities(8))
    untyped: Any = distributed
    with untyped.Client(scheduler, set_as_default=False) as client:

        def threads() -> int:
            names = client.run(lambda: [thread.name for thread in threading.enumerate()]).values()
            return sum(name.startswith("asyncio") for each in names for name in each)

        before = threads()
        client.run(gc.disable)
        try:
            assert desk.run("--scheduler", scheduler) == 0
            wait_for(lambda: threads() <= before)
        finally:
            client.run(gc.enable)


def test_what_is_saved_names_no_folder_and_no_token(desk: BatchFolder, scheduler: str, tmp_path: Path) -> None:
    desk.write({"00_a": shows("import os\nprint(os.getcwd())\n1 / 0"), "01_b": shows("1")}, identities(1))
    assert desk.run("--scheduler", scheduler) == 1
    for path in desk.output.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert str(tmp_path) not in text, path
            assert str(Path.home()) not in text, path
    notebook = nbformat.read(desk.output / "row-0001" / "00_a.ipynb", 4)
    assert "papermill" not in notebook.metadata


def test_a_token_in_an_output_fails_the_row_and_is_not_saved(desk: BatchFolder, scheduler: str) -> None:
    desk.write({"00_a": shows(f"print({TOKEN!r})")}, identities(1))
    assert desk.run("--scheduler", scheduler) == 1
    assert all(
        "eyJ0" not in path.read_text("utf-8")
        for path in desk.output.rglob("*")
        if path.is_file() and "00_a" not in path.name
    )
    notebook = nbformat.read(desk.output / "row-0001" / "00_a.ipynb", 4)
    assert "eyJ0" not in str([cell.get("outputs") for cell in notebook.cells])


def test_an_odd_error_is_shown_all_the_same(
    desk: BatchFolder, scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write({"00_a": shows("raise ValueError('<i> \\x1b[31m \\x1b]0;title\\x07 \\x9b2J \\x00 é')")}, identities(1))
    assert desk.run("--scheduler", scheduler) == 1
    assert desk.lines()[-1]["error"] == "ValueError: <i> é"
    said = capsys.readouterr().out
    assert "ValueError: <i> é" in said
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert nbformat.read(desk.output / "row-0001" / "00_a.ipynb", 4).cells[-1].outputs[0].ename == "ValueError"
    assert "&lt;i&gt;" in (desk.output / "report.html").read_text("utf-8")
    assert ElementTree.parse(desk.output / "junit.xml").find(".//failure") is not None


@pytest.mark.parametrize("records", ["records", "output/records"])
def test_a_batch_with_records_elsewhere_is_gone_on_with(desk: BatchFolder, scheduler: str, records: str) -> None:
    words = ["--scheduler", scheduler, "--records", str(desk.folder / records)]
    desk.write({"00_a": shows("assert identity_name != 'ID002'")}, identities(2))
    assert desk.run(*words) == 1
    desk.write({"00_a": shows("1")}, identities(3))
    assert desk.run(*words, "--resume") == 0
    assert len(list(desk.output.glob("row-*/00_a.ipynb"))) == 3


def test_one_row_of_one_notebook_is_said_so(
    desk: BatchFolder, scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write({"00_a": shows("1")}, identities(1))
    assert desk.run("--scheduler", scheduler) == 0
    said = capsys.readouterr().out
    assert "1 row of 1 notebook to run" in said
    assert "row-0001: completed, 1 notebook, " in said
    assert "1 row of 1 notebook, in" in (desk.output / "report.html").read_text("utf-8")


def test_resume_runs_only_what_is_not_completed(desk: BatchFolder, scheduler: str, tmp_path: Path) -> None:
    good = tmp_path / "good"
    mark = f"import pathlib\nwith pathlib.Path({str(tmp_path / 'ran')!r}).open('a') as f: f.write(identity_name + ' ')"
    check = f"assert identity_name != 'ID002' or pathlib.Path({str(good)!r}).exists()"
    desk.write({"00_a": shows(mark, check)}, identities(3))
    assert desk.run("--scheduler", scheduler) == 1
    assert sorted((tmp_path / "ran").read_text().split()) == ["ID001", "ID002", "ID003"]
    assert desk.run("--scheduler", scheduler) == 2  # there is a batch
    good.touch()
    assert desk.run("--scheduler", scheduler, "--resume") == 0
    assert (tmp_path / "ran").read_text().split()[3:] == ["ID002"]
    assert set(desk.states().values()) == {"completed"}
    assert (desk.output / "report.html").read_text("utf-8").count("completed earlier") == 2
    assert desk.run("--scheduler", scheduler, "--resume") == 0
    assert len((tmp_path / "ran").read_text().split()) == 4
    rows = [{**row, "target": "azure"} for row in identities(3)]
    (tmp_path / "rows.json").write_text(json.dumps([*rows[:1], *identities(3)[1:], {"identity_name": "ID004"}]))
    assert desk.run("--scheduler", scheduler, "--resume") == 0  # row 1 has other parameters now, row 4 is new
    assert sorted((tmp_path / "ran").read_text().split()[4:]) == ["ID001", "ID004"]


def test_a_kernel_that_dies_and_one_that_hangs_fail_only_their_rows(
    desk: BatchFolder, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_one_is_in_a_hurry(*, row: str, timeout: float, **options: Any) -> RowTask:
        return RowTask(row=row, timeout=timeout if row == "row-0002" else PATIENCE, **options)

    monkeypatch.setattr(batch, "RowTask", only_one_is_in_a_hurry)  # the others have to start a kernel in that time
    cell = "import os, time\n{'ID001': lambda: os._exit(1), 'ID002': lambda: time.sleep(600)}.get(identity_name, id)"
    desk.write({"00_a": shows(cell + "(*[1] * (identity_name == 'ID003'))")}, identities(3))
    assert desk.run("--scheduler", scheduler, "--timeout", "5") == 1
    assert desk.states() == {"row-0001": "failed", "row-0002": "failed", "row-0003": "completed"}
    errors = {line["name"]: line["error"] for line in desk.lines()}
    assert errors["row-0001"] == "DeadKernelError: Kernel died"
    assert errors["row-0002"] == "It took longer than 5 seconds."
    ran = [line["name"] for line in desk.lines() if line["state"] == "running"]
    assert ran.count("row-0001") == 3  # dead kernels are excused twice
    assert ran.count("row-0002") == 1


def test_two_runners_cannot_share_a_folder(
    desk: BatchFolder, scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = f"import pathlib, time\ngate = pathlib.Path({str(tmp_path / 'open')!r})"
    wait = "while identity_name == 'ID001' and not gate.exists(): time.sleep(0.05)"
    desk.write({"00_a": shows(gate, wait)}, identities(1))
    with desk.start("--scheduler", scheduler) as runner:
        wait_for(lambda: desk.states().get("row-0001") == "running")
        before = desk.lines()
        assert desk.run("--scheduler", scheduler, "--resume") == 2
        assert "Another batch is running" in capsys.readouterr().err
        assert desk.lines() == before
        (desk.folder / "rows.json").write_text(json.dumps([{"identity_name": "ID002"}]))
        other = BatchFolder(desk.folder)
        assert main([*other.words("--scheduler", scheduler), "--output", str(desk.folder / "other")]) == 0
        (tmp_path / "open").touch()
        assert runner.wait(PATIENCE) == 0


def test_a_row_ends_when_its_runner_is_killed_though_the_workers_stay(
    desk: BatchFolder, scheduler: str, tmp_path: Path
) -> None:
    marker = tmp_path / "kernel"
    mark = f"import os, pathlib, time\npathlib.Path({str(tmp_path / 'new')!r}).write_text(str(os.getpid()))"
    made = f"pathlib.Path({str(tmp_path / 'new')!r}).rename({str(marker)!r})"
    desk.write({"00_a": shows(mark, made, "time.sleep(600)")}, identities(1))
    with desk.start("--scheduler", scheduler) as runner:
        wait_for(marker.exists)
        kernel = psutil.Process(int(marker.read_text()))
        runner.kill()
        wait_for(lambda: all_gone([kernel]))


class Shelf(BaseHTTPRequestHandler):
    kept: dict[str, bytes]

    def do_PUT(self) -> None:
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201 if "row-0002" not in self.path else 507)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_notebooks_go_to_an_address_and_records_stay_here(
    desk: BatchFolder, scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Shelf.kept = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        desk.write({"00_a": shows("identity_name")}, identities(2))
        address = f"http://127.0.0.1:{server.server_port}/shelf?sig=abcdefgh"
        words = [*desk.words("--scheduler", scheduler, "--jobs", "1"), "--output", address]
        assert main([*words, "--records", str(desk.output)]) == 1
    finally:
        server.shutdown()
        server.server_close()
    assert "/shelf/row-0001/00_a.ipynb?sig=abcdefgh" in Shelf.kept
    assert "ID001" in str(json.loads(Shelf.kept["/shelf/row-0001/00_a.ipynb?sig=abcdefgh"]))
    assert desk.states() == {"row-0001": "completed", "row-0002": "failed"}
    assert sorted(path.name for path in desk.output.iterdir() if path.name[0] != ".") == [
        "junit.xml",
        "manifest.jsonl",
        "report.html",
        "results.csv",
    ]
    said = capsys.readouterr()
    texts = [path.read_text("utf-8") for path in desk.output.iterdir()] + [said.out, said.err]
    assert not any("abcdefgh" in text for text in texts)
    assert "507" in said.out


def test_an_address_papermill_cannot_write_to_is_refused(desk: BatchFolder, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write({"00_a": shows("1")}, identities(1))
    words = [*desk.words(), "--records", str(desk.output), "--output", "s3://bucket/folder?sig=abcdefgh"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "papermill cannot write to s3://bucket/folder" in said
    assert "abcdefgh" not in said
    assert not desk.lines()


def test_a_scheduler_that_is_not_there_is_refused(
    desk: BatchFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("workshop.batch.cluster._CONNECT", 0.2)  # for there, it is tried again until then
    desk.write({"00_a": shows("1")}, identities(1))
    assert desk.run("--scheduler", "tcp://127.0.0.1:9") == 2
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err


def test_nothing_starts_with_a_problem_in_the_rows(desk: BatchFolder, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write({"00_a": shows("1")}, [{"identity_name": "-"}, {"colour": "red"}, {"identity_name": 5}])
    assert desk.run("--scheduler", "tcp://127.0.0.1:9") == 2
    said = capsys.readouterr().err
    assert [line.partition(":")[0] for line in said.removeprefix("workshop: ").splitlines()] == [
        "row 1, column identity_name",
        "row 2, column colour",
        "row 3, column identity_name",
    ]
    assert not desk.output.exists()
