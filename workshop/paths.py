"""Where the repository and its notebooks are, whatever the working directory."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
COPY = ROOT / "my-course"  # a learner's, to work in
