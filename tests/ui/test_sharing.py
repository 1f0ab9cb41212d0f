"""Links and sessions: what they include, what they leave out, and the response to hostile ones."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from effviz.errors import SettingsError
from effviz.report import session_archive
from effviz.report.session_archive import SessionArchive, SessionPhoto, read_session
from effviz.ui import photo_shelf
from effviz.ui.compare import sharing
from effviz.ui.compare.display_settings import CLASS

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


LAWN, SEA = png("green"), png("navy")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[: sharing.DIGITS]


@pytest.mark.parametrize(
    "text", ["lawn.png", "0123:lawn.png", "0123456789ABCDEF:x", "0123456789abcdef:", "|".join(["0" * 16 + ":x"] * 13)]
)
def test_own_photos_of_a_link_that_make_no_sense_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="16 digits of a photo's hash and its name"):
        sharing.parse_own(text)


def test_own_photos_of_a_link_come_back_as_they_were_written() -> None:
    text = f"{'0' * 16}:a:b, c.png|{'f' * 16}:Ж"
    assert [photo[sharing.DIGITS + 1 :] for photo in sharing.OWN.parse(text)] == ["a:b, c.png", "Ж"]
    assert sharing.OWN.text(sharing.OWN.parse(text)) == text


VIEW = {
    "modes": ["box", "swipe"],
    "pair": None,
    "photos": {
        "0" * 16: {"box": [1, 2, 30.5, 4], "zoom": [2, 0.1, 0], "cell": ["lite0@224", 3, 4], "swipe": ["a", "b", 50]}
    },
}


def test_a_view_is_read_as_the_browser_wrote_it_and_what_it_did_not_write_is_left_out() -> None:
    written = {key: value for key, value in VIEW.items() if value is not None}
    found = sharing.parse_view(json.dumps({**written, "modes": ["box", "swipe", "x"], "more": 1}))
    assert found == {**VIEW, "modes": ["swipe", "box"]}


def changed(**part: object) -> str:
    return json.dumps({**VIEW, "pair": ["a", "b"], "photos": {"0" * 16: part}})


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "3", "null", "{}", '{"modes": 1, "photos": {}}', "[" * 5000, " " * 7000 + "{}"),
        *(changed(box=[1, 2, 3]), changed(box=[1, 2, 3, "4"]), changed(box=[0, 0, -1, 1]), changed(box={"a": 1})),
        *(changed(box=[1, 2, 3, float("nan")]), changed(box=[1, 2, 3, float("inf")]), changed(zoom=[1, True, 0])),
        *(
            changed(cell=["a", 1.5, 1]),
            changed(cell=["a" * 101, 1, 1]),
            changed(cell=[1, 1, 1]),
            changed(swipe=["a", "b", 101]),
        ),
        *(changed(large=[]), json.dumps({**VIEW, "pair": ["a"]}), json.dumps({"modes": [], "photos": [1]})),
    ],
)
def test_a_view_that_makes_no_sense_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="link's view cannot be read"):
        sharing.parse_view(text)


def page() -> None:
    import streamlit as st

    from effviz.ui import photo_shelf
    from effviz.ui.compare import display_settings, sharing

    display_settings.adopt_display()
    sharing.adopt_link()
    photo_shelf.show("box")
    sharing.settle_class()
    sharing.show_open()
    sharing.show_awaited()
    st.text(f"class {display_settings.CLASS.get()!r}, {[photo.name for photo in photo_shelf.shelf().used]}")


def visit(**address: str) -> AppTest:
    at = AppTest.from_function(page, default_timeout=PATIENCE_S)
    at.query_params.update(address)
    at.run()
    assert not at.exception
    return at


def shown(at: AppTest) -> str:
    return str(at.text[0].value)


def said(at: AppTest) -> str:
    return "\n".join(str(each.value) for kind in ("info", "warning") for each in at.get(kind)).replace("\\", "")


def bring(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    at.file_uploader[0].set_value([(name, data, "image/any") for name, data in files]).run()
    assert not at.exception
    return at


def address(at: AppTest) -> dict[str, str]:
    return {key: value[0] if isinstance(value, list) else value for key, value in at.query_params.items()}


def test_the_address_names_own_photos_with_their_hashes() -> None:
    at = bring(visit(), ("a|b.png", LAWN))
    assert address(at) == {"own": f"{digest(LAWN)}:a_b.png"}
    next(button for button in at.button if button.label == "Remove my photos").click().run()
    assert address(at) == {}


def test_a_link_elsewhere_asks_for_its_photos_and_explains_their_class_on_no_other() -> None:
    own = f"{digest(LAWN)}:lawn.png|{digest(SEA)}:sea.png"
    at = visit(own=own, **{"class": "black-footed ferret"})
    assert f"lawn.png** (sha256 {digest(LAWN)}…), **sea.png**" in said(at)
    assert "black-footed ferret, is selected once they are added" in said(at)
    assert shown(at) == "class '', []"
    bring(at, ("other.png", png("red")))
    bring(at, ("renamed.png", LAWN))
    assert "lawn.png" not in said(at)
    assert "sea.png" in said(at)
    assert shown(at) == "class '', ['other.png', 'renamed.png']"
    bring(at, ("sea.png", SEA))
    assert "links do not include" not in said(at)
    assert shown(at).startswith("class 'black-footed ferret'")
    assert address(at)["class"] == "black-footed ferret"
    next(button for button in at.button if button.label == "Remove my photos").click().run()
    assert said(at) == ""


def test_a_class_chosen_for_other_photos_is_not_that_of_photos_that_are_brought() -> None:
    at = bring(visit(**{"class": "lynx"}), ("no photo.txt", b"text"))
    assert shown(at) == "class 'lynx', []"
    bring(at, ("lawn.png", LAWN))
    assert shown(at) == "class '', ['lawn.png']"
    assert "class" not in address(at)
    at.session_state[CLASS.key] = "owl"
    assert shown(at.run()) == "class 'owl', ['lawn.png']"
    assert shown(bring(at, ("sea.png", SEA))) == "class '', ['lawn.png', 'sea.png']"


def test_one_can_go_on_without_the_photos_and_without_their_class() -> None:
    at = visit(own=f"{digest(LAWN)}:lawn.png", **{"class": "lynx"})
    next(button for button in at.button if button.label == "Continue without them").click().run()
    assert (said(at), shown(at), address(at)) == ("", "class '', []", {})


def test_a_link_s_view_is_taken_once_and_a_bad_one_is_said() -> None:
    at = visit(view=json.dumps({"modes": ["box"], "photos": {}}))
    assert at.session_state[sharing.VIEW]["modes"] == ["box"]
    assert address(at) == {}
    assert "link's view cannot be read" in said(visit(view="{"))


def open_session(at: AppTest, data: bytes, name: str = "a.zip") -> AppTest:
    at.file_uploader[-1].set_value((name, data, "application/zip")).run()
    assert not at.exception
    return at


def saved(address: str, *photos: SessionPhoto) -> bytes:
    return session_archive.session_zip(SessionArchive(address, photos), "0.1.0", {})


def test_an_opened_session_replaces_what_was_there() -> None:
    at = bring(visit(opacity="10", **{"class": "lynx"}), ("sea.png", SEA))
    sample = SessionPhoto("dog.jpg", b"not read", "dog")
    open_session(
        at, saved(f"class=owl&palette=turbo&own={digest(LAWN)}:lawn.png", SessionPhoto("lawn.png", LAWN), sample)
    )
    assert shown(at) == "class 'owl', ['lawn.png']"
    assert list(photo_shelf_names(at)) == ["sea.png", "lawn.png"]  # the other one is not selected
    assert address(at) == {"class": "owl", "palette": "turbo", "own": f"{digest(LAWN)}:lawn.png"}
    assert said(at) == ""


def photo_shelf_names(at: AppTest) -> list[str]:
    return [photo.name for photo in at.session_state[photo_shelf.SHELF].photos.values()]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"no zip", "holiday.zip is not a session"),
        (saved("opacity=900"), "asks for opacity"),
        (saved("&".join(f"k{n}=1" for n in range(99))), "holiday.zip"),
        (saved("", SessionPhoto("x.png", b"no photo")), "x.png is not an image"),
    ],
)
def test_a_bad_session_is_one_sentence_and_the_page_goes_on(data: bytes, sentence: str) -> None:
    at = open_session(bring(visit(), ("sea.png", SEA)), data, "holiday.zip")
    assert sentence in said(at)
    assert "sea.png" in photo_shelf_names(at)


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> Callable[[AppTest, str], bytes]:
    """Return the data of a download button, because AppTest cannot download."""
    import streamlit as st

    made: dict[str, Any] = {}
    keep = st.download_button

    def kept(label: str, data: Any, *more: Any, **options: Any) -> Any:
        made[label] = data
        return keep(label, data, *more, **options)

    monkeypatch.setattr(st, "download_button", kept)
    return lambda _at, label: made[label]()


def test_a_session_holds_photos_settings_maps_and_a_page_and_opens_again(
    download: Callable[[AppTest, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    at.query_params.update({"models": "lite0@64", "photos": "dog", "method": "LayerCAM", "opacity": "80"})
    bring(at.run(), ("lawn.png", LAWN))
    data = download(at, "Save the session")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {"session.json", "settings.json", "maps.npz", "report.html"} < set(archive.namelist())
        settings = json.loads(archive.read("settings.json"))
        with np.load(io.BytesIO(archive.read("maps.npz"))) as maps:
            assert {"lawn.png__lite0@64", "German_shepherd__lite0@64", "facts"} <= set(maps.files)
        report = archive.read("report.html").decode()
    assert {entry["method"] for entry in settings["maps"]} == {"layercam"}
    assert report.count("<img ") == 4
    assert "<script" not in report
    found = read_session(data, "a.zip")
    assert found.photos[0] == SessionPhoto("lawn.png", LAWN)
    assert [photo.sample for photo in found.photos] == ["", "dog"]
    assert parse_qs(found.address)["opacity"] == ["80"]
    fresh = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    fresh.query_params["models"] = "lite0@64"
    open_session(fresh.run(), data)
    assert address(fresh) == address(at)
    assert fresh.selectbox(key="method-choice").value == "layercam"
    assert photo_shelf_names(fresh) == ["lawn.png"]
    assert download(fresh, "Save the session") == data
    assert CLASS.default == ""
