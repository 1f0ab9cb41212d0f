"""The public interface: its names and results, and the document and the notebook that describe it."""

import base64
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import effviz
from effviz import api
from effviz.errors import ImageError, SettingsError, TargetError
from effviz.explain import sample_photos
from effviz.scaling import BudgetKind

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SMALL = ("lite0@64", "mini-baseline@64")


class Tags(HTMLParser):
    """Count tags and collect images."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag == "img":
            self.pictures.append(dict(attrs))


@pytest.fixture(scope="module")
def compared() -> api.Comparison:
    return effviz.compare(["owl", sample_photos.find("bee").path], SMALL)


def test_the_interface_is_these_four_functions_and_the_document_has_each() -> None:
    assert effviz.__all__ == ["compare", "models", "plan", "solve"]
    assert re.findall(r"^## `effviz\.(\w+)`$", DOCUMENT, re.MULTILINE) == ["compare", "plan", "solve", "models"]
    for name in effviz.__all__:
        assert getattr(effviz, name).__module__ == "effviz.api"
        assert getattr(effviz, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        effviz.nonsense  # noqa: B018


def test_importing_it_loads_the_standard_library_alone(tmp_path: Path) -> None:
    code = "import sys; before = set(sys.modules); import effviz; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert packages - sys.stdlib_module_names == {"effviz"}


def test_maps_come_photo_by_photo_and_read_only(compared: api.Comparison) -> None:
    labels = [(each.map.photo, each.map.model) for each in compared]
    assert labels == [(photo, model) for photo in ("owl.jpg", "bee.jpg") for model in SMALL]
    assert len(compared) == len(compared.maps) == 4
    assert all(not raw.flags.writeable for raw in compared.maps)
    for each in compared:  # mean(CAM) + bias = logit, the identity of this layer
        assert float(each.map.values.mean()) + each.map.bias == pytest.approx(each.map.logit, abs=1e-3)


def test_a_notebook_gets_a_grid_of_pictures_that_say_what_they_show(compared: api.Comparison) -> None:
    tags = Tags(compared._repr_html_())
    assert (tags.seen.count("tr"), tags.seen.count("td"), len(tags.pictures)) == (3, 6, 4)
    for picture in tags.pictures:
        shown = Image.open(io.BytesIO(base64.b64decode(str(picture["src"]).partition(",")[2])))
        assert max(shown.size) == 320
        assert picture["alt"]
    other = compared.styled(scale="shared", palette="cividis")
    assert other.maps[0] is compared.maps[0]
    assert other._repr_html_() != compared._repr_html_()
    assert repr(compared) == "Comparison(4 maps by lite0@64, mini-baseline@64)"


def test_names_of_files_are_no_markup(tmp_path: Path) -> None:
    file = tmp_path / "<b>owl<script>.jpg"
    file.write_bytes(sample_photos.find("owl").path.read_bytes())
    assert not {"b", "script"} & set(Tags(effviz.compare(file, "lite0@64")._repr_html_()).seen)


def test_a_photo_may_be_bytes_an_array_or_a_pil_image(compared: api.Comparison) -> None:
    file = sample_photos.find("owl").path
    picture = Image.open(file)
    given = [file.read_bytes(), np.asarray(picture), picture]
    for raw in effviz.compare(given, "lite0@64").maps:
        np.testing.assert_array_equal(raw, compared.maps[0])


def test_saving_writes_what_the_command_writes(compared: api.Comparison, tmp_path: Path) -> None:
    folder = compared.save(tmp_path / "new" / "maps")
    rows = json.loads((folder / "result.json").read_text())
    assert [row["model"] for row in rows] == [*SMALL, *SMALL]
    np.testing.assert_array_equal(np.load(rows[0]["map_file"]), compared.maps[0])
    assert Image.open(rows[0]["overlay_file"]).size == Image.open(sample_photos.find("owl").path).size


@pytest.mark.parametrize(
    ("call", "error", "part"),
    [
        (lambda: effviz.compare("nowhere.jpg", "lite0"), ImageError, "nowhere.jpg cannot be read"),
        (lambda: effviz.compare("owl", "vgg16"), SettingsError, "There is no model 'vgg16'"),
        (lambda: effviz.compare("owl", "lite0@64", target=5000), TargetError, "Class 5000 does not exist"),
        (
            lambda: effviz.compare("owl", "lite0@64", method="magic"),
            SettingsError,
            "'magic' is not an option: the options are cam, gradcam",
        ),
        (lambda: effviz.compare([], "lite0@64"), SettingsError, "nothing to compare"),
        (lambda: effviz.compare(np.zeros((5, 5)), "lite0@64"), ImageError, r"of float64 is not a photo"),
        (lambda: effviz.plan(phi=1, depth=2), SettingsError, "give either phi, or depth and width"),
        (lambda: effviz.solve(), SettingsError, "No limit was given"),
        (
            lambda: effviz.solve(macs=1e9, method="magic"),
            SettingsError,
            "the options are compound, depth, width, resolution",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(call, error, part) -> None:
    with pytest.raises(error, match=part):
        call()


def test_plans_and_solutions_draw_their_stages() -> None:
    b0 = effviz.plan()
    assert (b0.params, Tags(b0._repr_html_()).seen.count("tr")) == (5_288_548, 1 + 9)  # Table 1 has nine stages
    assert "stages" not in repr(b0)
    fixed = effviz.plan(phi=-3, resolution=128, classes=5)
    assert (fixed.resolution, fixed.classes, fixed.depth) == (128, 5, 1.2**-3)
    found = effviz.solve(params=1e6, macs=1e8, resolution=128, classes=5)
    assert found.budget.kind is BudgetKind.PARAMS
    assert "parameters" in found._repr_html_().partition("<table>")[0]
    assert "no limit" in effviz.solve(macs=1e15)._repr_html_()


def test_models_are_a_table_with_every_model() -> None:
    found = effviz.models()
    names = [card.ref.spec.name for card in found]
    assert {"lite0", "b7", "mini-baseline"} <= set(names)
    assert Tags(found._repr_html_()).seen.count("tr") == 1 + len(names)


def test_the_document_runs_from_the_first_line_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    used = {name for name in effviz.__all__ if any(f"effviz.{name}(" in block for block in blocks)}
    assert used == set(effviz.__all__)


def test_the_example_notebook_runs_and_shows_pictures(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "docs" / "example.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # the committed notebook has no results
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [
        output["data"]["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "text/html" in output.get("data", {})
    ]
    assert sum(text.count("<img ") for text in shown) >= 4
    assert any("MBConv6" in text for text in shown)
