"""The project as a wheel: all that the packages need is in it, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.packaging.checkout import ROOT

PACKAGES = ("helpers", "rbac", "sandbox", "workshop")


def test_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "uv", "build", "--wheel", "--no-build-isolation", "--offline", "--no-config"]
    where = ["--python", sys.executable, "--out-dir", str(tmp_path), str(ROOT)]
    built = subprocess.run([*build, *where], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PACKAGES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    beside = {name for name in held if ".data/data/" in name}
    assert {name.partition(".data/data/")[2] for name in beside} == {
        "etc/ipython/ipython_kernel_config.json",
        "etc/jupyter/labconfig/default_setting_overrides.json",
        "etc/jupyter/labconfig/page_config.json",
        "share/jupyter/kernels/python3-warm/kernel.json",
    }
    assert held - beside == {name for name in listed if (ROOT / name).exists()}
