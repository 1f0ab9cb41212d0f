"""Visitors' photos: the same pixels as without workers, and an end to decoding that costs too much."""

import io
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effviz import i18n
from effviz.errors import ImageError
from effviz.explain import decoding, images, sample_photos
from effviz.explain.decoding import DecodeLimitError, DecodeLimits, DecodeOptions, DecoderPool
from effviz.explain.forward_pass import label_prepared, prepare, resize_crop
from effviz.explain.images import ResizeCrop
from effviz.zoo.catalogue import parse_model
from tests.fuzz import attacks

PACKAGE = Path(decoding.__file__).parents[1]
CAT = sample_photos.find("cat").path.read_bytes()
PHOTO = DecodeOptions()


@pytest.fixture
def pool() -> Iterator[Callable[..., DecoderPool]]:
    """Return a function that starts one-worker pools, which end with the test."""
    made: list[DecoderPool] = []

    def make(most: int = 1, **limits: float) -> DecoderPool:
        made.append(DecoderPool(most, DecodeLimits(**limits)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def stay() -> None:
    """Never cancel."""


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def mosaic(side: int) -> Image.Image:
    """Return an image with as much detail as an original-size photo."""
    cat = Image.open(io.BytesIO(CAT))
    whole = Image.new("RGB", (side, side * 3 // 4))
    for x in range(0, whole.width, cat.width):
        for y in range(0, whole.height, cat.height):
            whole.paste(cat.rotate(90 * (x // cat.width % 2)), (x, y))
    return whole


def transparent() -> bytes:
    rgba = np.zeros((20, 30, 4), np.uint8)
    rgba[:, 10:] = (255, 0, 0, 128)
    return saved(Image.fromarray(rgba), "PNG")


@pytest.mark.parametrize("data", [CAT, transparent()])
def test_a_worker_gives_what_decoding_here_gives(data: bytes) -> None:
    there, here = decoding.read(data, "a"), images.read(data, "a")
    np.testing.assert_array_equal(there.rgb, here.rgb)
    assert (there.sha256, there.name, there.notes) == (here.sha256, here.name, here.notes)
    assert not there.rgb.flags.writeable


def test_models_see_each_pixel_of_a_large_photo() -> None:
    refs = [parse_model("lite0@224"), parse_model("lite2@600")]
    data = saved(mosaic(2500), "JPEG", quality=92)
    found, whole = decoding.cropped(data, "a", [resize_crop(ref) for ref in refs]), images.read(data, "a")
    for ref, pixels in zip(refs, found.pictures, strict=True):
        of, expected = label_prepared(pixels, ref, found.size), prepare(whole, ref)
        np.testing.assert_array_equal(of.rgb, expected.rgb)
        assert of.seen == expected.seen


def test_a_photo_kept_smaller_looks_the_same_to_models() -> None:
    data = saved(mosaic(6144), "JPEG", quality=92)
    kept, whole = decoding.read(data, "a", 2000), images.read(data, "a")
    assert (kept.width, kept.height) == (2000, 1500)
    for label in ("lite0@224", "lite2@600"):
        ref = parse_model(label)
        apart = np.abs(prepare(kept, ref).rgb.astype(int) - prepare(whole, ref).rgb)
        assert apart.mean() < 0.35
        assert np.percentile(apart, 99) <= 2
    assert [i18n.split_message(note)[1]["width"] for note in kept.notes] == [6144]


def test_a_turned_photo_is_kept_smaller_the_right_way_round() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(mosaic(6400), "JPEG", exif=exif)  # so large that it is read at half size
    kept = decoding.read(data, "a", 1600)
    assert (kept.width, kept.height) == (1200, 1600)
    assert decoding.cropped(data, "a", []).size == (4800, 6400)


def test_the_sentence_has_the_files_name_and_the_visitors_language(translate) -> None:
    sentence = "{name} is {what}; {allowed}. Save it as a JPEG and try again."
    translate("de", {sentence: "{name} geht nicht: {what}, {allowed}"})
    # Workers read the installed catalogues, so they do not know a language that exists only in this test.
    with pytest.raises(ImageError, match=r"^\{\}\.jpg is not an image that EffViz can read"):
        decoding.read(b"no photo", "{}.jpg")


def test_too_much_time_ends_a_worker_and_the_next_photo_has_another(pool: Callable[..., DecoderPool]) -> None:
    tight = pool(cpu_s=0)  # until the next whole second
    with pytest.raises(DecodeLimitError, match="more than 0 s of processor time"):
        tight.ask(attacks.jpeg_of_scans(99, 7000), DecodeOptions(0, (ResizeCrop(2000, 2000, 3),) * 50), stay)
    assert tight.ask(attacks.SMALL_JPEG, PHOTO, stay).size == (64, 64)


def test_too_much_memory_is_refused_and_the_worker_goes_on(pool: Callable[..., DecoderPool]) -> None:
    tight = pool(memory_bytes=2**26)
    with pytest.raises(DecodeLimitError, match="more than 64 MB of memory"):
        tight.ask(attacks.png_of_one_colour(4500, 2), PHOTO, stay)
    assert tight.ask(CAT, PHOTO, stay).size == (576, 768)[::-1]


def test_a_visitor_who_leaves_ends_the_decoding(pool: Callable[..., DecoderPool]) -> None:
    class Left(BaseException):
        pass

    def leave() -> None:
        raise Left

    one = pool()
    one.start()
    (worker,) = one._idle
    with pytest.raises(Left):
        one.ask(attacks.jpeg_of_scans(99, 7000), PHOTO, leave)
    assert worker.dead
    assert one._alive == len(one._idle)
    assert one.ask(CAT, PHOTO, stay).size == (768, 576)


def test_time_by_the_clock_has_an_end_too(pool: Callable[..., DecoderPool]) -> None:
    hurried = pool(wall_s=-1.0)
    with pytest.raises(decoding.DecodeTimeoutError, match="could not be decoded within"):
        hurried.ask(attacks.jpeg_of_scans(99, 7000), PHOTO, stay)


def test_one_that_was_killed_meanwhile_is_replaced(pool: Callable[..., DecoderPool]) -> None:
    one = pool().start()
    (worker,) = one._idle
    worker._process.kill()
    worker._process.wait()
    assert one.ask(CAT, PHOTO, stay).size == (768, 576)


def test_a_worker_that_cannot_be_replaced_now_is_replaced_later(
    pool: Callable[..., DecoderPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pool().start()
    one._idle[0]._process.kill()
    one._idle[0]._process.wait()
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(FileNotFoundError):
            one.ask(CAT, PHOTO, stay)
    assert one.ask(CAT, PHOTO, stay).size == (768, 576)


def test_many_at_once_get_their_own_pixels(pool: Callable[..., DecoderPool]) -> None:
    two = pool(2)
    levels = range(0, 240, 12)
    files = [saved(Image.new("RGB", (64, 64), (level, 0, 255 - level)), "PNG") for level in levels]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda data: two.ask(data, PHOTO, stay), files))
    assert [tuple(reply.pictures[0][5, 5]) for reply in found] == [(level, 0, 255 - level) for level in levels]
    assert two._alive == 2


def test_what_was_refused_is_not_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\x89PNG\r\n\x1a\n" + b"nothing else"
    with pytest.raises(ImageError, match=r"^first\.png ") as first:
        decoding.read(data, "first.png")
    monkeypatch.setattr(DecoderPool, "ask", None)
    with pytest.raises(ImageError, match=r"^second\.png ") as second:
        decoding.read(data, "second.png")
    assert str(first.value)[5:] == str(second.value)[6:]


def test_what_was_late_is_tried_again(pool: Callable[..., DecoderPool], monkeypatch: pytest.MonkeyPatch) -> None:
    hurried, patient = pool(wall_s=-1.0), pool()
    data = saved(Image.new("RGB", (99, 99)), "PNG")
    monkeypatch.setattr(decoding, "pool", lambda: hurried)
    with pytest.raises(decoding.DecodeTimeoutError):
        decoding.read(data, "a")
    monkeypatch.setattr(decoding, "pool", lambda: patient)
    decoding.read(data, "a")


OUR_OWN = {"ui/cache.py", "ui/compare/photo_picker.py"}  # bundled samples, as in the benchmarks
HERE = {"explain/images.py", "explain/decoder_worker.py", *OUR_OWN}


def test_nothing_else_decodes_a_file_in_its_own_process() -> None:
    decodes = re.compile(r"\bimages\.(read|decode)\(|\bImage\.open\(")
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if decodes.search(path.read_text())}
    assert {name for name in found if not name.startswith("bench/")} == HERE


def test_workers_load_numpy_and_pillow_alone() -> None:
    command = "import sys, effviz.explain.decoder_worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("effviz.")}
    others = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"effviz", "__main__"}
    assert {name for name in others if not name.startswith("_")} == {"numpy", "PIL"}
    assert len(ours) < 12, ours


def test_a_worker_ends_with_who_started_it() -> None:
    command = (
        "from effviz.explain import decoding; pool = decoding.DecoderPool(1).start(); "
        "print(pool._idle[0]._process.pid, flush=True); import os; os._exit(0)"
    )
    pid = int(subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout)
    end = time.monotonic() + 60
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
