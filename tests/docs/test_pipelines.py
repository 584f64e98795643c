"""docs/pipelines.md: the shell of its recipes is run, step by step, and brings about what the page says."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from workshop.paths import ROOT

PAGE = (ROOT / "docs" / "pipelines.md").read_text("utf-8")
ROWS = "resource_group,vm_name,identity_name\ncontoso-a,vm-a,ID-a\ncontoso-b,vm-b,ID-b\n"
INSTALL = "python3 install.py"  # what the tests run in is installed already


def blocks(heading: str, language: str) -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def steps(heading: str) -> list[str]:
    """The shell of each step of a recipe."""
    (recipe,) = [yaml.safe_load(block) for block in blocks(heading, "yaml")]
    listed: list[dict[str, Any]] = recipe["steps"] if "steps" in recipe else recipe["jobs"]["notebooks"]["steps"]
    return [shell for step in listed if (shell := step.get("run") or step.get("bash"))]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """What a pipeline finds: this project with a file of rows beside it, and a sandbox of its own."""
    for name in ("notebooks", "helpers"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = Path(sys.prefix)
    (tmp_path / ".venv").symlink_to(environment)
    (tmp_path / "rows.csv").write_text(ROWS, "utf-8")
    yield tmp_path
    subprocess.run([sys.executable, "-m", "sandbox", "stop"], env=variables(tmp_path), check=False, cwd=ROOT)


def variables(checkout: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTEST"))}
    own = {"AZURE_SANDBOX_DIR": str(checkout / "sandbox"), "GITHUB_STEP_SUMMARY": str(checkout / "summary.md")}
    return {**kept, **own}


def bash(checkout: Path, script: str) -> str:
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=checkout, env=variables(checkout), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.long
def test_the_recipe_for_github(checkout: Path) -> None:
    found = steps("GitHub")
    assert found[0] == INSTALL
    for script in found[1:]:
        bash(checkout, script)
    rows = list(csv.DictReader((checkout / "summary.md").read_text("utf-8").splitlines()))
    assert [(row["state"], row["identity.id"].rpartition("/")[2]) for row in rows] == [
        ("completed", "ID-a"),
        ("completed", "ID-b"),
    ]


@pytest.mark.long
def test_the_recipe_for_azure_devops(checkout: Path) -> None:
    found = steps("Azure DevOps")
    assert found[0] == INSTALL
    said = "".join(bash(checkout, script) for script in found[1:])
    results = json.loads((checkout / "output" / "run" / "results.json").read_text("utf-8"))
    assert f"variable=clientId]{results['identity']['client_id']}\n" in said
    assert (checkout / "output" / "batch" / "junit.xml").is_file()


@pytest.mark.long
def test_papermill_alone_and_reading_its_results(checkout: Path) -> None:
    (recipe,) = blocks("With papermill alone", "bash")
    bash(checkout, recipe)
    (reading,) = blocks("Results", "python")
    command = [sys.executable, "-c", reading, "out.ipynb"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)
    assert results["identity"]["id"].endswith("/ID7")
    assert set(results["identity"]) == {"id", "client_id", "principal_id", "tenant_id"}


def test_the_table_of_results_is_that_of_the_notebooks() -> None:
    told = dict(re.findall(r"^\| (0\d) \| (`\w+` \| .*?)(?::.*)? \|$", PAGE, re.MULTILINE))
    for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
        text = json.loads(path.read_text("utf-8"))
        (scrap,) = [
            output["data"]["application/scrapbook.scrap.json+json"]
            for cell in text["cells"]
            for output in cell.get("outputs", ())
            if "application/scrapbook.scrap.json+json" in output.get("data", {})
        ]
        name, *fields = re.findall(r"`([\w.]+)`", told[path.name[:2]])
        assert (name, set(fields)) == (scrap["name"], set(scrap["data"])), path.name
