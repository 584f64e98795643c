"""What a warm kernel's cells print is sent before they end, and nothing is waited for where they print nothing."""

import pytest

from tests.workshop.kernels.conftest import Start

COUNT = """
import sys
asked = []
schedule = sys.stdout.pub_thread.schedule
sys.stdout.pub_thread.schedule = lambda task: (asked.append(task), schedule(task))
"""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flush_of_nothing_asks_nobody(kernel: Start, stream: str) -> None:
    asked = kernel().run(f"{COUNT}\nsys.{stream}.flush()\nlen(asked)")
    assert asked == "0"


@pytest.mark.parametrize("written", ["sys.stdout.write('a')", "print('a', end='')", "sys.stdout.writelines('a')"])
def test_what_is_written_is_sent_by_a_flush_and_only_once(kernel: Start, written: str) -> None:
    flushed = f"{written}\nasked.clear()\nsys.stdout.flush()\nfirst = len(asked)\nsys.stdout.flush()"
    assert kernel().run(f"{COUNT}\n{flushed}\n(first > 0, len(asked) == first)") == "a(True, True)"


def test_what_a_thread_writes_is_sent_with_the_cell(kernel: Start) -> None:
    cell = "import threading\nt = threading.Thread(target=print, args=['in a thread'])\nt.start()\nt.join()"
    assert kernel().run(cell) == "in a thread"


def test_a_failed_write_is_the_writers(kernel: Start) -> None:
    cell = "import sys\ntry:\n    sys.stdout.write(7)\nexcept TypeError:\n    print('refused')"
    assert kernel().run(cell) == "refused"
