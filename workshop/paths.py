"""Where the repository and its notebooks are, whatever the working directory; and where a class is kept, within it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
COPY = ROOT / "my-course"  # a learner's, to work in
CLASS = Path("class")  # unless --folder names another
