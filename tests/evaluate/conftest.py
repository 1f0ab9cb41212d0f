"""A small data set of bundled photos with hand-written boxes and labels, and a file that is not a photo."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
LABELS = {"cat": 281, "dog": 207, "panda": 388, "koala": 105, "teacup": 968, "bee": 309, "crab": 118, "owl": 24}


def annotated(folder: Path, names: Sequence[str] = tuple(LABELS), box: Sequence[float] = (0.2, 0.3, 0.7, 0.8)) -> Path:
    """Copy photos with one box each, given in fractions of width and height."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name in names:
        shutil.copy(SAMPLES / f"{name}.jpg", folder)
        width, height = Image.open(folder / f"{name}.jpg").size
        edges = [box[0] * width, box[1] * height, box[2] * width, box[3] * height]
        size = {"width": width, "height": height}
        entries.append({"file": f"{name}.jpg", "label": LABELS[name], "boxes_xyxy": [edges], **size})
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


@pytest.fixture(scope="session")
def eight_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with annotations.json and eight photos."""
    return annotated(tmp_path_factory.mktemp("data"))


@pytest.fixture
def three_photos(tmp_path: Path) -> Path:
    """Return a folder with annotations.json and three photos, those of `runs_of_before`."""
    return annotated(tmp_path / "data", ("cat", "dog", "owl"))
