"""A visitor's photos stay in the session, on every page, until they are removed."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from effviz.ui import cache, photo_shelf

File = tuple[str, bytes, str]
SESSION = "test session id"  # of AppTest
PATIENCE_S = 120
ROOT = Path(__file__).parents[2]


def saved(name: str, kind: str, *frames: str) -> File:
    buffer = io.BytesIO()
    first, *others = [Image.new("RGB", (60, 40), colour) for colour in frames]
    first.save(buffer, kind, **({"save_all": True, "append_images": others} if others else {}))
    return name, buffer.getvalue(), "image/any"


LAWN = saved("lawn.png", "PNG", "green")
SEA = saved("sea.png", "PNG", "navy")


def page() -> None:
    import streamlit as st

    from effviz.ui import photo_shelf

    photo_shelf.show("box")
    st.text(", ".join(photo.name for photo in photo_shelf.chosen_photos()))


@pytest.fixture
def at() -> AppTest:
    return AppTest.from_function(page, default_timeout=PATIENCE_S).run()


def bring(at: AppTest, *files: File) -> AppTest:
    at.file_uploader[0].set_value(list(files)).run()
    assert not at.exception
    return at


def used(at: AppTest) -> str:
    return str(at.text[0].value)


def strip(at: AppTest) -> list[str]:
    """Return the shelf's contents, as drawn by the browser."""
    for element in at.get("bidi_component"):
        (data,) = json.loads(element.proto.json)
        if data.get("remove"):
            return [picture["title"] for picture in data["pictures"]]
    return []


def call(at: AppTest, act: Callable[..., object], *given: object, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Apply a browser request in the next run, because AppTest has no components."""
    show = photo_shelf.show
    with monkeypatch.context() as patch:
        patch.setattr(photo_shelf, "show", lambda key: (act(*given), show(key)))
        at.run()
    return at


def sha256(file: File) -> str:
    return hashlib.sha256(file[1]).hexdigest()


def test_photos_stay_when_the_box_is_emptied_and_one_that_comes_twice_is_one(at: AppTest) -> None:
    bring(at, LAWN)
    bring(at, SEA, LAWN)
    assert at.file_uploader[0].value == []
    assert strip(at) == ["lawn.png", "sea.png"]
    assert used(at.run()) == "lawn.png, sea.png"


def test_the_box_says_which_photos_may_come(at: AppTest) -> None:
    allowed = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF are supported"
    assert allowed in [caption.value for caption in at.run().caption]


def test_every_file_may_come_and_one_that_is_no_photo_leaves_its_sentence(at: AppTest) -> None:
    bring(at, LAWN, ("letter.docx", b"PK\3\4 not a photo", ""))
    assert strip(at) == ["lawn.png"]
    for _ in range(2):
        assert "letter.docx is not an image that EffViz can read" in str(at.warning[0].value)
        at.run()
    assert not bring(at, SEA).warning


def test_a_cross_removes_one_and_a_button_all_from_memory_too(
    at: AppTest, uploads: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(at, LAWN, SEA)
    for junk in (None, 3, [sha256(LAWN)], "no such photo"):
        call(at, photo_shelf.remove, junk, monkeypatch=monkeypatch)
    assert strip(at) == ["lawn.png", "sea.png"]
    call(at, photo_shelf.remove, sha256(LAWN), monkeypatch=monkeypatch)
    assert strip(at) == ["sea.png"]
    assert [file.data for file in uploads.file_storage[SESSION].values()] == [SEA[1]]
    at.button[0].click().run()
    assert (strip(at), used(at), uploads.file_storage[SESSION]) == ([], "", {})
    digests = {bytes.fromhex(sha256(file)) for file in (LAWN, SEA)}
    assert not [key for key in cache._PHOTOS._values if isinstance(key, tuple) and key[0] in digests]


def test_a_photo_can_rest_on_the_shelf(at: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(at, LAWN, SEA)
    for junk in (None, "all", {"a": 1}):
        call(at, photo_shelf.choose, junk, monkeypatch=monkeypatch)
    assert used(at) == "lawn.png, sea.png"
    call(at, photo_shelf.choose, [sha256(SEA), "no such photo"], monkeypatch=monkeypatch)
    assert (used(at), strip(at)) == ("sea.png", ["lawn.png", "sea.png"])
    assert used(bring(at, LAWN)) == "lawn.png, sea.png"  # uploaded again, so selected again


@pytest.mark.parametrize(
    "file",
    [saved("wave.gif", "GIF", "red", "blue"), saved("phone.jpg", "MPO", "red", "blue")],
    ids=lambda file: file[0],
)
def test_of_several_pictures_the_first_is_used_and_that_is_said(at: AppTest, file: File) -> None:
    bring(at, file)
    said = [str(caption.value).replace("\\", "") for caption in at.caption]
    assert said[1:] == [
        f"{file[0]}: The file contains several pictures; EffViz uses the first."
    ]  # after the accepted formats


def test_a_file_that_the_server_let_go_is_named(at: AppTest, uploads: MemoryUploadedFileManager) -> None:
    bring(at, LAWN, SEA)
    number = next(number for number, file in uploads.file_storage[SESSION].items() if file.name == "lawn.png")
    uploads.remove_file(SESSION, number)
    at.run()
    assert (used(at), strip(at)) == ("sea.png", ["sea.png"])
    assert "lawn.png was removed" in str(at.warning[0].value)


def test_a_full_server_keeps_no_more(
    at: AppTest, uploads: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any) -> None:
        raise HTTPException(413)

    bring(at, LAWN)
    brought = at.file_uploader[0].set_value([SEA])
    register = uploads.add_file
    calls: list[int] = []
    monkeypatch.setattr(
        uploads, "add_file", lambda *given: calls.append(1) or (register if len(calls) < 2 else full)(*given)
    )
    brought.run()
    assert strip(at) == ["lawn.png"]
    assert "No room for 1 of the files" in str(at.info[0].value)


def test_photos_are_on_every_page_that_looks_at_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    at.query_params.update({"models": "lite0@64", "photos": "dog", "section": "recipe"})
    bring(at.run(), LAWN)
    for name in ("scale", "evaluate", "paper", "compare"):
        at.switch_page(f"effviz/ui/pages/{name}.py").run()
        assert not at.exception
        assert strip(at) == ([] if name == "scale" else ["lawn.png"]), name
