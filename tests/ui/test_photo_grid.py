"""Photos of objects outside the classes of a network with few classes."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.ui import job_progress, photo_shelf
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import photo_grid
from effviz.ui.job_queue import JobQueue

ROOT = Path(__file__).parents[2]
IMAGENETTE = ROOT.parent / "shared" / "data" / "imagenette" / "val"
OUTSIDE = "Outside their classes"


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def page(models: str, samples: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    test.query_params.update({"models": models, "photos": samples})
    return test.run()


def notices(test: AppTest) -> list[str]:
    return [str(info.value) for info in test.info if OUTSIDE in str(info.value)]


def test_a_kitten_is_none_of_the_ten_classes_and_the_notice_says_which_there_are() -> None:
    test = page("mini-baseline@96,lite0@96", "kitten")
    assert not test.exception
    (notice,) = notices(test)
    assert "Trained on only 10 classes: mini\\-baseline@96 (tench" in notice
    assert "lite0@96" not in notice  # it knows 1000
    assert "English springer" in notice
    assert "Kitten on a plank: " in notice


def test_the_notice_stands_above_the_maps() -> None:
    around = list(page("mini-baseline@96", "kitten").main)
    (said,) = [place for place, element in enumerate(around) if OUTSIDE in str(getattr(element, "value", ""))]
    (maps,) = [place for place, element in enumerate(around) if name_of(element) == "effviz_grid"]
    assert said < maps


def name_of(element: object) -> str:
    """Return a component's name, or "" for any other element."""
    return str(getattr(getattr(element, "proto", None), "component_name", ""))


def test_what_the_judge_said_is_kept_and_needs_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    page("mini-baseline@96", "kitten")

    def refuse(*_: object) -> None:
        raise AssertionError("a bar is shown")

    monkeypatch.setattr(photo_grid, "JobProgress", refuse)
    assert len(notices(page("mini-baseline@96", "kitten"))) == 1


def test_a_judge_that_cannot_be_asked_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    page("mini-baseline@96,lite0@96", "owl")  # their maps are present
    monkeypatch.setattr(photo_grid, "_GUESSES", SizeBoundedCache(1000, len))
    monkeypatch.setattr(job_progress, "QUEUE", JobQueue(1, most_waiting=0))
    test = page("mini-baseline@96,lite0@96", "owl")
    assert notices(test) == []
    assert not test.exception
    assert not test.get("progress")
    assert not [warning for warning in test.warning if "requests are already waiting" in str(warning.value)]
    assert "Is the map faithful?" in [header.value for header in test.header]  # the rest of the page is present


def test_networks_of_a_thousand_classes_get_no_notice() -> None:
    assert notices(page("lite0@96", "kitten")) == []


@pytest.mark.skipif(not IMAGENETTE.exists(), reason="Imagenette is not beside the project: ../shared/data/imagenette")
def test_a_photo_of_one_of_the_ten_gets_no_notice() -> None:
    test = page("mini-baseline@96", "kitten")
    church = min((IMAGENETTE / "n03028079").iterdir())  # a clear one; only its class matters
    test.file_uploader(key="uploads").upload("brought.jpg", church.read_bytes(), "image/jpeg").run()
    assert not test.exception
    assert "brought" not in notices(test)[0]  # the kitten's stays
    assert len(test.session_state[photo_shelf.SHELF].photos) == 1
