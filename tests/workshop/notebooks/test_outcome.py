from typing import Any

from workshop.notebooks.outcome import Failure, account_of

SOURCE = "print('begin')\nfail()"


def failure(error: str = "ValueError: why", traceback: str = "line\nValueError: why", **other: Any) -> Failure:
    given = {"cell_id": "grant", "number": 3, "source": SOURCE, "error": error, "traceback": traceback, **other}
    return Failure(**given)


def test_it_names_notebook_cell_source_and_error() -> None:
    assert account_of("03_grant_access", failure()) == (
        "03_grant_access failed in cell In [3] (id grant):\n\n"
        "    print('begin')\n    fail()\n\n"
        "    line\n    ValueError: why"
    )


def test_the_error_is_told_where_the_traceback_does_not() -> None:
    told = account_of("a", failure("DeadKernelError: Kernel died", "Kernel died\n"))
    assert told.endswith("    DeadKernelError: Kernel died")
    assert account_of("a", failure("ValueError: ", "ValueError: ")).count("ValueError") == 1


def test_long_sources_and_tracebacks_are_cut_where_it_matters_least() -> None:
    lines = [f"line {number}" for number in range(100)]
    told = account_of("a", failure(source="\n".join(lines), traceback="\n".join([*lines, "ValueError: why"])))
    assert "line 0\n" in told
    assert "line 99\n" in told
    assert "ValueError: why" in told
    assert told.count("…") == 2
    assert len(told.splitlines()) < 60


def test_a_notebook_that_never_began() -> None:
    told = account_of("a", failure(cell_id="", number=None, source="", error="RuntimeError: no kernel", traceback=""))
    assert told == "a failed before its first cell.\n\n    RuntimeError: no kernel"


def test_an_interruption_is_no_failure_of_the_cell() -> None:
    assert account_of("a", failure("Interrupted", "", interrupted=True)).startswith("a was stopped in cell In [3]")
