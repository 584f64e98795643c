"""The command line: what it refuses, and what it leaves behind."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.workshop.small_notebooks import markdown, notebook, write_series
from workshop.cli import main
from workshop.command import exit_status_of
from workshop.paths import ROOT

pytestmark = pytest.mark.usefixtures("shared_page_maker")
TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_series(
        tmp_path / "notebooks",
        {
            "00_first": notebook(markdown("# First"), "print('hello', identity_name)"),
            "01_second": notebook(markdown("# Second"), "1 + 1", parameters='target: str = "azure"\ncount: int = 1'),
            "02_third": notebook(markdown("# Third"), "2 + 2"),
        },
    )


HUGE = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        *((f"lab --port {port}", "--port: takes a whole number, 0 to 65535") for port in (-5, 65536, "nan", HUGE)),
        *((f"batch x.csv --jobs {jobs}", "--jobs: takes a whole number, ") for jobs in (-5, 0, "inf", HUGE)),
        *((f"batch x.csv --retries {times}", "--retries: takes a whole number, ") for times in (-1, "1e3", HUGE)),
        *((f"batch x.csv --timeout {s}", "--timeout: takes seconds, more than 0 and ") for s in (-1, "nan", "1e308")),
        *((f"progress --every {s}", "--every: takes seconds, more than 0 and ") for s in (0, "inf", HUGE)),
        *((f"hub --idle {s}", "--idle: takes minutes, 0 for never, and at most ") for s in (-1, "nan", "inf", "1e308")),
        *((f"hub --idle {s}", "--idle: takes minutes, 0 for never, and at most ") for s in ("soon", "6e5", HUGE)),
        *((f"hub --memory {size}", "--memory: takes a size such as ") for size in ("1", "nan", "0M", f"{HUGE}T")),
    ],
    ids=lambda text: text[:25],
)
def test_a_number_that_is_none_or_too_much_is_refused_in_a_sentence(
    words: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: object = main(words.split())
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert wanted in capsys.readouterr().err.splitlines()[-1]


def workshop(folder: Path, *words: str, output: str = "output") -> int:
    """Run notebooks that need no sandbox."""
    need_none = ["--sandbox", "running"]
    return main(["run", "--notebooks", str(folder), "--output", str(folder.parent / output), *need_none, *words])


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.iterdir()}


def saved(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder.parent / "output").iterdir())


def test_a_run_saves_notebooks_pages_and_an_index(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert workshop(folder, "--param", "identity_name=ID7") == 0
    names = ["00_first", "01_second", "02_third"]
    assert saved(folder) == sorted(
        [f"{n}.{e}" for n in names for e in ("ipynb", "html")] + ["index.html", "results.json"]
    )
    said = capsys.readouterr().out
    assert [line.partition(":")[0] for line in said.splitlines()[:3]] == names
    first = (folder.parent / "output" / "00_first.ipynb").read_text("utf-8")
    assert "hello ID7" in first
    assert "papermill" not in first
    assert str(folder.parent) not in first
    assert not re.search(r"\d{4}-\d\d-\d\dT", first)
    nbformat.validate(nbformat.reads(first, as_version=4))
    assert "injected-parameters" not in (folder.parent / "output" / "01_second.ipynb").read_text("utf-8")


def test_a_part_is_run_and_what_an_earlier_run_left_goes(folder: Path) -> None:
    assert workshop(folder) == 0
    mine = folder.parent / "output" / "notes.txt"
    mine.write_text("mine")
    assert workshop(folder, "--from", "01", "--to", "second") == 0
    assert saved(folder) == ["01_second.html", "01_second.ipynb", "index.html", "notes.txt", "results.json"]


def test_two_runs_are_the_same_bytes(folder: Path) -> None:
    assert workshop(folder) == workshop(folder, output="again") == 0
    for path in (folder.parent / "again").glob("*.ipynb"):
        assert path.read_bytes() == (folder.parent / "output" / path.name).read_bytes()


def test_a_failure_is_told_and_what_ran_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_series(folder, {"01_second": notebook("def divide(x):\n    return 1 / x", "print('kept')\ndivide(0)")})
    assert workshop(folder) == 1
    assert "02_third.ipynb" not in saved(folder)
    assert "kept" in (folder.parent / "output" / "01_second.ipynb").read_text("utf-8")
    said = capsys.readouterr().out
    assert "01_second failed in cell In [3] (id c2):" in said
    assert "    print('kept')\n    divide(0)" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "\x1b" not in said
    index = (folder.parent / "output" / "index.html").read_text("utf-8")
    assert "ZeroDivisionError" in index
    assert index.count(">skipped<") == 1
    assert "In [3]" in (folder.parent / "output" / "01_second.html").read_text("utf-8")


def test_a_traceback_names_no_folder_of_this_machine(folder: Path) -> None:
    write_series(folder, {"00_first": notebook("import json\njson.loads('{')")})
    assert workshop(folder) == 1
    for path in (folder.parent / "output").iterdir():
        text = path.read_text("utf-8")
        assert sys.prefix not in text
        assert sys.base_prefix not in text
        assert str(ROOT) not in text
    assert "&lt;python&gt;/lib/json" in (folder.parent / "output" / "00_first.html").read_text("utf-8")


def test_a_leak_is_a_failure_and_is_taken_out(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "kH8_qZ-2mVxW5tRn9bLc7JdY4fGs6PaE"  # invented
    monkeypatch.setenv("AZURE_CLIENT_SECRET", secret)
    showing = f"token = '.'.join(['{TOKEN[:3]}', ''])[:3] + '{TOKEN[3:]}'\nprint(token)"
    reading = (
        "import os\nprint(os.environ['AZURE_CLIENT_SECRET'][2:20])\nraise ValueError(os.environ['AZURE_CLIENT_SECRET'])"
    )
    for leaking in (showing, reading):
        write_series(folder, {"01_second": notebook(leaking)})
        assert workshop(folder) == 1
        said = capsys.readouterr().out
        assert "01_second failed in cell In [2]" in said
        assert "access token or a secret" in said
        texts = [said, *(path.read_text("utf-8") for path in (folder.parent / "output").iterdir())]
        assert not any(re.search(r"eyJ[A-Za-z0-9_-]{8,}", text) for text in texts)
        assert not any(secret[2:14] in text or secret[8:20] in text for text in texts)
        assert "[redacted]" in (folder.parent / "output" / "01_second.ipynb").read_text("utf-8")


BAD = [
    (["--from", "07"], "no notebook '07'"),
    (["--from", "02", "--to", "01"], "nothing to run"),
    (["--param", "vm=1"], "no parameter 'vm'. The notebooks know: count, identity_name, target"),
    (["--param", "count=many"], "takes a whole number"),
    (["--param", "identity_name"], "NAME=VALUE"),
    (["--param", f"identity_name={TOKEN}"], "environment variable"),
    (["--param", "client_secret=x"], "environment variable"),
    (["--param", "identity_name=a b"], "identity_name = 'a b' is not allowed. "),
    (["--param", "target=aws"], "The parameter 'target' takes sandbox or azure, not 'aws'."),
    (["--params", "missing.yaml"], "cannot be read"),
    (["--notebooks", "missing"], "no folder"),
    (["--output", "{notebooks}"], "choose another folder"),
    (["--output", "{notebooks}/00_first.ipynb"], "cannot be written to"),
    (["--output", "{notebooks}/../mine"], "not from a run"),
    (["--output", "/proc/none"], "cannot be written to"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_what_cannot_be_done_is_said_in_a_sentence(
    folder: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if words[-1].startswith("/proc") and not sys.platform.startswith("linux"):
        pytest.skip("a folder nobody can write to, on Linux")
    write_series(folder.parent / "mine", {"01_my_own_work": notebook("1")})
    before = contents(folder) | contents(folder.parent / "mine")
    assert workshop(folder, *(word.format(notebooks=folder) for word in words)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert TOKEN[:8] not in said.err
    assert contents(folder) | contents(folder.parent / "mine") == before
    assert not (folder.parent / "output").exists()


@pytest.mark.parametrize(
    "command",
    [
        "run --notebooks NOTEBOOKS --output FILE",
        "run --notebooks NOTEBOOKS --output FILE/below/it",
        "run --notebooks FILE",
        "batch ROWS --notebooks NOTEBOOKS --output FILE",
        "batch ROWS --notebooks NOTEBOOKS --output FILE/below/it",
        "batch ROWS --notebooks NOTEBOOKS --output new --records FILE",
        "batch ROWS --notebooks NOTEBOOKS --output FILE --records new",
        "batch ROWS --notebooks NOTEBOOKS --output FILE/below/it --records new",
        "copy --folder FILE",
        "copy --folder FILE/below/it",
        "copy --fresh --folder FILE",
        "lab --fresh --folder FILE",
        "plan ROSTER --offline --folder FILE",
        "plan ROSTER --offline --folder FILE/below/it",
        "progress --folder FILE",
        "hub --folder FILE",
    ],
)
def test_a_file_in_the_place_of_a_folder_is_said_to_be_one(
    folder: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    contents_of = {"FILE": "mine", "ROWS.json": '[{"identity_name": "ID1"}]', "ROSTER": "name\nAda\n"}
    for name, text in contents_of.items():
        Path(name).write_text(text)
    assert main(command.replace("ROWS", "ROWS.json").replace("NOTEBOOKS", folder.name).split()) == 2
    said = capsys.readouterr().err
    assert "FILE is a file" in said
    assert "folder" in said
    assert {path.name for path in Path().iterdir() if path.is_file()} == set(contents_of)
    assert Path("FILE").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="there it cannot be told from a file that is not to be read")
@pytest.mark.parametrize("command", ["run --params DIR.yaml", "batch DIR.csv", "plan DIR.csv --offline --folder new"])
def test_a_folder_in_the_place_of_a_file_is_said_to_be_one(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = next(word for word in command.split() if word.startswith("DIR"))
    Path(name).mkdir()
    assert main(command.split()) == 2
    assert f"{name} cannot be read: {name} is a folder; name a file." in capsys.readouterr().err


def test_a_folder_in_the_place_of_the_index_is_said_to_be_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = folder.parent / "output" / "index.html"
    index.mkdir(parents=True)
    assert main(["run", "--notebooks", str(folder), "--output", str(index.parent)]) == 2
    said = capsys.readouterr().err
    assert "cannot be written to" in said
    assert sys.platform == "win32" or f" {index} is a folder" in said
    assert list(index.parent.iterdir()) == [index]


@pytest.mark.skipif(sys.platform == "win32", reason="there not everybody may make links")
@pytest.mark.parametrize("command", ["run --notebooks NOTEBOOKS --output link/below", "copy --folder link/below"])
def test_a_link_to_nothing_makes_no_file_of_a_folder(
    folder: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("link").symlink_to("nothing")
    assert main(command.replace("NOTEBOOKS", folder.name).split()) == 2
    said = capsys.readouterr().err
    assert "The folder link/below cannot be " in said and "is a file" not in said


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["provision", "--jobs", "33"], "takes a whole number, 1 to 32"),
        (["clean-up", "--jobs", "0"], "takes a whole number, 1 to 32"),
        (["batch", "rows.csv", "--jobs", "-1"], "takes a whole number, 1 or more"),
        (["batch", "rows.csv", "--retries", "1.5"], "takes a whole number, 0 or more"),
        (["batch", "rows.csv", "--timeout", "nan"], "takes seconds, more than 0"),
        (["progress", "--every", "soon"], "takes seconds, more than 0"),
        (["progress", "--every", "1000000"], "takes seconds, more than 0 and less than 1000000"),
    ],
)
def test_numbers_among_options_are_checked(words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f"argument {words[-2]}: {wanted}" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_output_folder_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = folder.parent / "output"
    output.mkdir(mode=0o500)
    assert workshop(folder) == 2
    assert "cannot be written to: Permission denied." in capsys.readouterr().err


def test_a_damaged_notebook_is_refused_before_anything_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "02_third.ipynb").write_text("{")
    assert workshop(folder) == 2
    assert "02_third.ipynb is not a Jupyter notebook" in capsys.readouterr().err
    assert not (folder.parent / "output").exists()


def test_parameters_come_from_a_file_and_options_go_before_it(folder: Path) -> None:
    path = folder.parent / "p.json"
    path.write_text(json.dumps({"identity_name": "ID8", "count": 5}))
    assert workshop(folder, "--to", "01", "--params", str(path), "--param", "identity_name=ID9") == 0
    assert "hello ID9" in (folder.parent / "output" / "00_first.ipynb").read_text("utf-8")
    assert "count = 5" in (folder.parent / "output" / "01_second.ipynb").read_text("utf-8")


def test_a_target_of_another_type_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.parent / "p.yaml").write_text("target: [sandbox]")
    assert workshop(folder, "--params", str(folder.parent / "p.yaml")) == 2
    assert "'target' takes text, not a list" in capsys.readouterr().err


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["run"], ["lab"]):
        with pytest.raises(SystemExit) as left:
            main([*command, "--help"])
        assert left.value.code == 0
        for option in re.findall(r"^  (--?\w[^ ]*(?: [^ ]+)?)(.*)\n(.*)", capsys.readouterr().out, re.MULTILINE):
            assert option[1].strip() or option[2].startswith("    "), option


_FIRST = ("--to", "00", "--sandbox", "running")  # which notebooks that need none do not look for


def test_it_works_from_any_folder(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "run", "--notebooks", os.path.relpath(folder, elsewhere), *_FIRST],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert (elsewhere / "output" / "00_first.html").exists()


def test_a_terminal_that_lacks_a_letter_ends_no_command(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workshop", "run", "--notebooks", str(folder), *_FIRST, "--output", "grün"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment, check=False)
    assert (done.stderr, done.returncode) == (b"", 0)
    assert rb"gr\xfcn/index.html" in done.stdout


_LOADED = """
import json, sys
from workshop.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps([*sys.modules]), file=sys.stderr)
"""
_SLOW = {
    "IPython",
    "aiohttp",
    "azure",
    "dask",
    "jupyter_client",
    "nbconvert",
    "nbformat",
    "papermill",
    "requests",
    "rich",
}
_CLIENTS = ("azure.mgmt.authorization", "azure.mgmt.compute", "azure.mgmt.msi", "azure.mgmt.resource")
_ASKS_AZURE = {"azure", "requests", "rich"}
_LAYOUT = {"IPython", "jupyter_client", "nbformat", "requests"}  # JupyterLab's own code writes it


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("--help", set()),
        ("run --help", set()),
        ("batch --help", set()),
        ("lab --help", set()),
        ("hub --help", set()),
        ("run --from 09", set()),
        ("copy --folder FOLDER/copy", _LAYOUT),
        ("progress --folder FOLDER", _ASKS_AZURE),
        ("help ada --folder FOLDER", _ASKS_AZURE),
        ("reset ada --folder FOLDER", _ASKS_AZURE),
        ("clean-up --folder FOLDER", _ASKS_AZURE),
        ("plan FOLDER/missing.csv --offline --folder FOLDER", _ASKS_AZURE),
    ],
)
def test_a_command_imports_only_what_it_uses(tmp_path: Path, command: str, needed: set[str]) -> None:
    """That is what it takes to start: a command that is done at once should be there at once."""
    words = command.replace("FOLDER", tmp_path.as_posix()).split()
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    loaded = json.loads(done.stderr.splitlines()[-1])
    assert {name.partition(".")[0] for name in loaded} & _SLOW <= needed
    assert not [name for name in loaded if name.startswith(_CLIENTS)]  # of Azure's, which are only for what changes it


@pytest.mark.parametrize(("number", "said"), [(errno.EACCES, "Permission denied"), (errno.ENOSPC, "No space left")])
def test_what_the_computer_refuses_is_said_in_a_sentence(
    number: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> int:
        raise OSError(number, os.strerror(number), "output/a.html")

    assert exit_status_of(refused) == 1
    assert re.fullmatch(rf"workshop: output/a.html: {said}.*\.\n", capsys.readouterr().err)


def test_a_fault_of_the_program_keeps_its_traceback(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        exit_status_of(lambda: len((folder / "nothing").read_text()))
