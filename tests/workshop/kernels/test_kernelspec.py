"""Warm kernels are offered in JupyterLab beside the normal one, or in its place."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tests.workshop.kernels.kernels import DEADLINE, Kernel, managed
from workshop.kernels.provisioner import WarmProvisioner

NAME = "python3-warm"


def started(kernel_name: str) -> Kernel:
    manager = managed(kernel_name)
    manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"])
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=DEADLINE)
    return Kernel(manager, client)


def test_it_is_ipykernels_but_for_its_name_and_provisioner() -> None:
    specs = KernelSpecManager().get_all_specs()
    warm, normal = specs[NAME]["spec"], get_kernel_dict()
    assert warm["display_name"] == "Python 3 (warm)"
    assert warm["metadata"].pop("kernel_provisioner")["provisioner_name"] == "warm-provisioner"
    assert warm["argv"] == ["python", *normal["argv"][1:]]
    assert {name: warm[name] for name in ("language", "metadata", "kernel_protocol_version")} == {
        name: normal[name] for name in ("language", "metadata", "kernel_protocol_version")
    }
    assert specs["python3"]["spec"]["display_name"] == normal["display_name"]


def test_a_kernel_by_its_name_is_warm() -> None:
    kernel = started(NAME)
    try:
        assert isinstance(kernel.manager.provisioner, WarmProvisioner)
        assert kernel.warm is (sys.platform == "linux")
        assert kernel.run("6 * 7") == "42"
    finally:
        kernel.close()


def test_the_modules_to_import_can_be_set_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kernels" / NAME
    shutil.copytree(KernelSpecManager().get_kernel_spec(NAME).resource_dir, folder)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    file = folder / "kernel.json"
    spec = json.loads(file.read_text())
    spec["metadata"]["kernel_provisioner"]["config"] = {"preload": ["wave"]}
    file.write_text(json.dumps(spec))
    kernel = started(NAME)
    try:
        assert kernel.run("import sys; 'wave' in sys.modules, 'requests' in sys.modules") == "(True, False)"
    finally:
        kernel.close()


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
