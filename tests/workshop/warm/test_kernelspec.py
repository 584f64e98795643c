"""Warm kernels are offered in JupyterLab beside the normal one, or in its place."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tests.workshop.warm.kernels import DEADLINE, Kernel, managed
from workshop.warm.kernelspec import DISPLAY_NAME, NAME, install_kernelspec
from workshop.warm.provisioner import WarmProvisioner


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernelspec in an environment that Jupyter looks in."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    return install_kernelspec(tmp_path)


def started(kernel_name: str) -> Kernel:
    manager = managed(kernel_name)
    manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"])
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=DEADLINE)
    return Kernel(manager, client)


def test_it_is_found_beside_the_normal_kernel(installed: Path) -> None:
    specs = KernelSpecManager().get_all_specs()
    assert Path(specs[NAME]["resource_dir"]) == installed
    assert specs[NAME]["spec"]["display_name"] == DISPLAY_NAME
    assert specs["python3"]["spec"]["display_name"] != DISPLAY_NAME
    assert (installed / "logo-svg.svg").exists()


def test_a_kernel_by_its_name_is_warm(installed: Path) -> None:
    kernel = started(NAME)
    try:
        assert isinstance(kernel.manager.provisioner, WarmProvisioner)
        assert kernel.warm is (sys.platform == "linux")
        assert kernel.run("6 * 7") == "42"
    finally:
        kernel.close()


def test_the_modules_to_import_can_be_set_in_it(installed: Path) -> None:
    file = installed / "kernel.json"
    spec = json.loads(file.read_text())
    spec["metadata"]["kernel_provisioner"]["config"] = {"preload": ["wave"]}
    file.write_text(json.dumps(spec))
    kernel = started(NAME)
    try:
        assert kernel.run("import sys; 'wave' in sys.modules, 'requests' in sys.modules") == "(True, False)"
    finally:
        kernel.close()


def test_installed_again_it_is_as_new(installed: Path, tmp_path: Path) -> None:
    before = (installed / "kernel.json").read_text()
    (installed / "kernel.json").write_text("{}")
    assert install_kernelspec(tmp_path) == installed
    assert (installed / "kernel.json").read_text() == before


def test_a_server_can_make_every_python_kernel_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "warm-provisioner")
    KernelProvisionerFactory.clear_instance()
    try:
        kernel = started("python3")
        try:
            assert isinstance(kernel.manager.provisioner, WarmProvisioner)
            assert kernel.manager.kernel_name == "python3"
        finally:
            kernel.close()
    finally:
        KernelProvisionerFactory.clear_instance()


def test_otherwise_a_python_kernel_is_normal() -> None:
    kernel = started("python3")
    try:
        assert type(kernel.manager.provisioner) is LocalProvisioner
    finally:
        kernel.close()
