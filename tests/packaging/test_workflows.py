"""What services read: the workflow, the hooks of pre-commit, the container. What can be run here is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.checkout import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
JOBS: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def commands(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def run(command: str) -> str:
    """Run a step's command as the service does, with this Python in the place of .venv's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "VENV": sys.executable, "PATH": path}
    bash = ["bash", "-e", "-c", command]
    done = subprocess.run(bash, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_workflow_has_the_services_schema() -> None:
    run(f"python -m check_jsonschema --builtin-schema vendor.github-workflows {WORKFLOW.relative_to(ROOT).as_posix()}")


@pytest.mark.parametrize("job", JOBS)
def test_each_step_is_a_script_that_bash_can_read(job: str) -> None:
    for command in commands(job):
        subprocess.run(["bash", "-n", "-c", command], check=True)


def test_debian_runs_the_script_that_there_is_with_a_command_of_make() -> None:
    script, target = commands("everything")[-1].split()
    assert os.access(ROOT / script, os.X_OK)
    assert f"\n{target}:" in MAKEFILE


def test_the_other_systems_install_run_the_course_and_the_unit_tests(tmp_path: Path) -> None:
    """Of the course one notebook runs, and of the tests those that the command finds are listed."""
    install, course, tests = commands("elsewhere")
    assert install == "python install.py"
    assert "completed" in run(f"{course} --to 00 --output '{tmp_path.as_posix()}'")
    folders = [word for word in tests.split() if word.startswith("tests/")]
    assert all((ROOT / folder).is_dir() for folder in folders)
    assert "test_roles" in run(f"{tests.partition(' tests/')[0]} --collect-only -q -n 0 tests/rbac")


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_is_what_make_lint_runs(hook: dict[str, Any]) -> None:
    words = hook["entry"].removeprefix(".venv/bin/python ").split()
    if words[0] == "-m":
        assert f"$(VENV) {' '.join(words[:2])}" in MAKEFILE
        run(f"python {' '.join(words[:2])} --version")
    else:
        assert "import lint_imports_command" in MAKEFILE
        run('python -c "from importlinter.cli import lint_imports_command"')


def test_the_container_installs_as_everybody_does() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert container["postCreateCommand"] == "python3 install.py"
