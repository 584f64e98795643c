"""Has kernels show the course's errors in a box, from their start: IPython loads it, by etc/ipython."""

import sys
from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Take over what exceptions look like; what is not the course's looks as always."""
    shell.set_custom_exc((Exception,), _show)


def _show(shell: Any, etype: type[BaseException], value: BaseException, tb: Any, tb_offset: Any = None) -> None:
    if "helpers" not in sys.modules and not isinstance(value, NameError):
        shell.showtraceback((etype, value, tb), tb_offset=tb_offset)
        return
    from helpers.lesson.error_box import show_error  # only now: Azure's clients come with it

    show_error(shell, etype, value, tb, tb_offset)
