"""Puts folders from beside the package into the wheel, which `pyproject.toml` cannot express."""

import json
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = ("assets", "models/mini", "docs/study", ".streamlit")  # effviz/settings.py looks for them


class BuildWithShippedFiles(build_py):
    """Copies photos, checkpoints, the first study and the app's settings into `effviz/shipped`."""

    def run(self) -> None:
        """Build; an editable installation uses the files in the clone."""
        super().run()
        if self.editable_mode:
            return
        library = Path(self.build_lib)
        for name in SHIPPED:
            shutil.copytree(
                ROOT / name,
                library / "effviz" / "shipped" / name,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("*.py", "__pycache__"),
            )
        models = library / "effviz" / "shipped" / "models"
        shutil.copyfile(ROOT / "models" / "README.md", models / "README.md")
        (models / "manifest.json").write_text(shipped_manifest(), encoding="utf-8")
        # Streamlit looks for pages in the folder of its script, so the script goes beside the package.
        shutil.copyfile(ROOT / "app.py", library / "effviz_app.py")


def shipped_manifest() -> str:
    """Return the manifest of `models/mini` alone: networks that a user added to the clone stay private."""
    rows = json.loads((ROOT / "models" / "manifest.json").read_text(encoding="utf-8"))
    return json.dumps([row for row in rows if row["file"].startswith("mini/")], indent=2, ensure_ascii=False) + "\n"


setup(cmdclass={"build_py": BuildWithShippedFiles})
