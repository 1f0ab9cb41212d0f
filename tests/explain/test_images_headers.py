"""Files that ask for more than a photo needs are refused before a decoder sees them; ordinary ones pass."""

import io
import struct
from collections.abc import Callable

import pytest
from PIL import Image

from effviz.errors import ImageError
from effviz.explain import images, sample_photos
from effviz.explain.images import CountedElement
from tests.fuzz import attacks


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        images.check_header_counts(data, "holiday.jpg")
    return str(caught.value)


@pytest.mark.parametrize(
    ("attack", "part"),
    [
        (lambda count: attacks.jpeg_of_scans(count, 64), CountedElement.SCAN),
        (attacks.jpeg_of_fill_bytes, CountedElement.FILL),
        (attacks.jpeg_of_comments, CountedElement.SEGMENT),
        (attacks.png_of_chunks, CountedElement.CHUNK),
        (attacks.gif_of_comments, CountedElement.BLOCK),
        (attacks.tiff_of_strips, CountedElement.STRIP),
    ],
)
def test_too_many_parts_are_refused_and_an_ordinary_number_is_not(
    attack: Callable[[int], bytes], part: CountedElement
) -> None:
    assert f"has more than {part.most:,} {part.title}" in refusal(attack(part.most + 1))
    images.check_header_counts(attack(part.most // 2), "a")


def test_a_picture_that_a_webp_decoder_would_make_room_for_is_refused() -> None:
    assert "more than 25,000,000 pixels as WebP" in refusal(attacks.webp_of_one_colour(7000))
    assert images.decode(attacks.webp_of_one_colour(64), "a").size == (64, 64)


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_says_its_size_in_each_of_its_kinds(lossless: bool) -> None:
    found = []
    for exif in (b"", b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"):  # with EXIF it gets the extended header
        buffer = io.BytesIO()
        Image.new("RGB", (321, 123)).save(buffer, "WEBP", lossless=lossless, exif=exif)
        found += [next(images._webp(buffer.getvalue()))]
    assert found == [(CountedElement.WEBP_PIXEL, 321 * 123)] * 2


def test_a_thumbnail_inside_a_jpeg_is_no_scan_of_it() -> None:
    inside = attacks.jpeg_of_scans(90, 64)[:60_000]
    outside = attacks.jpeg_of_scans(90, 64)
    exif = struct.pack(">BBH", 0xFF, 0xE1, 2 + len(inside)) + inside
    images.check_header_counts(outside[:2] + exif + outside[2:], "a")


def test_directories_in_a_circle_come_to_an_end() -> None:
    circle = b"II*\0" + struct.pack("<IHI", 8, 0, 8)
    assert "more than 10,000 pictures" in refusal(circle + bytes(16))


@pytest.mark.parametrize("big", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_is_followed_in_both_orders_and_sizes(big: bool, order: str) -> None:
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    if big:
        head = mark + struct.pack(order + "HHQ", 8, 0, 16) + struct.pack(order + "QHHQQQ", 1, 273, 4, 300_000, 0, 0)
    else:
        head = mark + struct.pack(order + "I", 8) + struct.pack(order + "HHHIII", 1, 273, 4, 300_000, 0, 0)
    assert "strips and tiles" in refusal(head + bytes(16))


@pytest.mark.parametrize("file_format", images.FORMATS)
def test_files_cut_off_anywhere_are_left_to_the_decoder(file_format: str) -> None:
    buffer = io.BytesIO()
    Image.radial_gradient("L").save(buffer, file_format)
    data = buffer.getvalue()
    for end in range(0, len(data), max(1, len(data) // 200)):
        images.check_header_counts(data[:end], "a")


def test_our_own_photos_pass() -> None:
    for sample in sample_photos.samples():
        images.check_header_counts(sample.path.read_bytes(), sample.name)
