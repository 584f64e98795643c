"""The kernelspec that offers warm kernels in JupyterLab, beside the normal Python kernel."""

from __future__ import annotations

import shutil
from pathlib import Path

from ipykernel.kernelspec import get_kernel_dict, write_kernel_spec

NAME = "python3-warm"
DISPLAY_NAME = "Python 3 (warm)"
PROVISIONER = "warm-provisioner"  # the entry point in pyproject.toml


def install_kernelspec(prefix: Path) -> Path:
    """Write the kernelspec into an environment, in place of one that is there.

    To make the normal kernels of a Jupyter server warm instead, and keep their name in what is saved, set
    ``JUPYTER_DEFAULT_PROVISIONER_NAME=warm-provisioner`` in its environment.

    Args:
        prefix: the environment, such as ``sys.prefix``. For any other folder, ``<prefix>/share/jupyter`` must be
            named in ``JUPYTER_PATH``.

    Returns:
        The kernelspec's folder.

    Raises:
        OSError: the environment cannot be written to.
    """
    folder = prefix / "share" / "jupyter" / "kernels" / NAME
    if folder.exists():
        shutil.rmtree(folder)
    metadata = {**get_kernel_dict()["metadata"], "kernel_provisioner": {"provisioner_name": PROVISIONER}}
    write_kernel_spec(folder, overrides={"display_name": DISPLAY_NAME, "metadata": metadata})
    return folder
