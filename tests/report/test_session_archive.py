"""A session comes back as it was; what only looks like one is refused before it is read."""

import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable

import pytest

from effviz.errors import SettingsError
from effviz.report import session_archive
from effviz.report.html_report import PictureTile
from effviz.report.session_archive import SessionArchive, SessionPhoto, SessionRow, read_session, session_zip

LAWN = SessionPhoto("../lawn <b>Ж.png", b"a lawn")
DOG = SessionPhoto("German shepherd", b"a dog", "dog")
SESSION = SessionArchive("models=lite0%40224&class=Ж", (LAWN, DOG))
SAVED = session_zip(SESSION, "0.1.0", {"report.html": b"<p>", "maps.npz": b"maps"})


def rewritten(change: Callable[[dict[str, bytes]], object] = lambda _files: None) -> bytes:
    """The saved session, with something else in it."""
    with zipfile.ZipFile(io.BytesIO(SAVED)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def index(**changes: object) -> bytes:
    """The saved session with another index."""

    def change(files: dict[str, bytes]) -> None:
        files["session.json"] = json.dumps({**json.loads(files["session.json"]), **changes}).encode()

    return rewritten(change)


def renamed(name: str) -> bytes:
    """The saved session with a file more, of any name."""
    return rewritten(lambda files: files.update({name: b"x"}))


def refusal(data: bytes) -> str:
    with pytest.raises(SettingsError) as caught:
        read_session(data, "holiday.zip")
    assert str(caught.value).startswith("holiday.zip ") or "session.json" in str(caught.value)
    return str(caught.value)


def test_a_session_comes_back_as_it_was() -> None:
    assert read_session(SAVED, "a.zip") == SESSION
    assert session_zip(SESSION, "0.1.0", {"report.html": b"<p>", "maps.npz": b"maps"}) == SAVED
    assert read_session(rewritten(), "a.zip") == SESSION  # packed by another program
    with zipfile.ZipFile(io.BytesIO(SAVED)) as archive:
        assert archive.namelist()[-2:] == ["photos/01 _lawn_b_Ж.png", "photos/02 German_shepherd"]


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "/etc/passwd", "photos/../../x", "photos\\01 x", "C:\\x", "photos/01 a/b", "photos/"),
        *("photos/99 \x01", "__MACOSX/x", "settings.json/x", "photos/1 x", "more.txt"),
    ],
)
def test_a_file_of_any_other_name_is_refused_before_anything_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = renamed(name)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert "is no session as EffViz saves one" in refusal(data)


def patched(find: bytes, at: int, value: bytes, last: bool = True) -> bytes:
    """The saved session with a number of its list written over."""
    place = (SAVED.rindex(find) if last else SAVED.index(find)) + at
    return SAVED[:place] + value + SAVED[place + len(value) :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (patched(b"PK\5\6", 10, struct.pack("<H", 60_000)), "more than 20 files"),
        (patched(b"PK\5\6", 12, struct.pack("<L", 2**20)), "more than 20 files"),
        (patched(b"PK\1\2", 24, struct.pack("<L", 21 * 2**20)), "more than 20 MB a photo"),
        (patched(b"PK\1\2", 24, struct.pack("<L", 2**21), last=False), "more than 20 MB a photo"),
        (rewritten(lambda files: [files.update({f"photos/{n} x": b""}) for n in range(10, 26)]), "20 files"),
        (SAVED + b"\0", "is no session"),
        (SAVED[:-22] + b"PK\6\7" + bytes(16) + SAVED[-22:], "is no session"),
        (patched(b"PK\1\2", 8, struct.pack("<H", 1)), "is no session"),
        (b"", "is no session"),
        (b"PK\5\6" + bytes(18), "is no session"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "is no session"),
        (SAVED[: len(SAVED) // 2], "is no session"),
        (patched(b"a lawn", 0, b"A lawn"), "is no session"),
    ],
)
def test_hostile_and_damaged_zips_are_one_sentence_before_anything_is_read(
    data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if b"A lawn" not in data:
        monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert said in refusal(data)


def test_photos_together_and_one_by_one_have_the_limits_of_the_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_archive, "MOST_PHOTO_BYTES", 10)
    assert "MB of photos" in refusal(SAVED)
    monkeypatch.setattr(session_archive, "MOST_BYTES", 100)
    assert "holds more than" in refusal(SAVED)
    monkeypatch.setattr(session_archive, "MOST_PHOTOS", 1)
    monkeypatch.setattr(session_archive, "MOST_BYTES", 2**20)
    assert "more than 1 photos" in refusal(SAVED)


@pytest.mark.parametrize(
    "data",
    [
        index(version=2),
        index(address=3),
        index(photos=[{"file": "photos/07 missing", "name": "x", "sha256": "0" * 64}]),
        index(photos=[{"file": "../../etc/passwd", "name": "x", "sha256": "0" * 64}]),
        index(more=1),
        rewritten(lambda files: files.update({"session.json": b"[" * 100_000})),
        rewritten(lambda files: files.update({"session.json": b"\xff"})),
        rewritten(lambda files: files.pop("session.json")),
        rewritten(lambda files: files.update({"photos/01 _lawn_b_Ж.png": b"another lawn"})),
    ],
)
def test_an_index_that_makes_no_sense_is_one_sentence(data: bytes) -> None:
    refusal(data)


def test_a_link_to_a_file_is_read_as_the_text_that_it_is() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("photos/01 x")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        photo = {"file": "photos/01 x", "name": "x", "sha256": "0" * 64}
        archive.writestr("session.json", json.dumps({"version": 1, "effviz": "1", "address": "", "photos": [photo]}))
    assert "is no session" in refusal(buffer.getvalue())


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    tile = PictureTile(b"jpeg", "<alt>", "<b>lite0</b>")
    page = session_archive.session_page([SessionRow("<script>x</script>", [tile], "by <i>")], [("Method", "<CAM>")])
    assert "<script" not in page
    assert "&lt;script&gt;x" in page
    assert "https://" not in page
    assert 'src="data:image/jpeg;base64,' in page
    assert len(page) < 20_000
