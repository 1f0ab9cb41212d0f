"""What the wheel has besides the package: `pyproject.toml` cannot say that folders beside it go inside."""

import json
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = ("assets", "models/mini", "docs/study", ".streamlit")  # effviz/settings.py looks for them


class BuildWithShippedFiles(build_py):
    """Puts photos, checkpoints, the first study and the app's settings into `effviz/shipped`."""

    def run(self) -> None:
        """Build; an editable installation finds all of it in the clone."""
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
        # Streamlit finds pages from the folder of its script, so it lies beside the package.
        shutil.copyfile(ROOT / "app.py", library / "effviz_app.py")


def shipped_manifest() -> str:
    """List what is in `models/mini`: networks that somebody added to the clone, and their files, are nobody else's."""
    rows = json.loads((ROOT / "models" / "manifest.json").read_text(encoding="utf-8"))
    return json.dumps([row for row in rows if row["file"].startswith("mini/")], indent=2, ensure_ascii=False) + "\n"


setup(cmdclass={"build_py": BuildWithShippedFiles})
