import hashlib
import io
import re
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from effviz.errors import ImageError
from effviz.explain import images, sample_photos, srgb_conversion
from effviz.explain.images import CountedElement, encode_jpeg, encode_png, read
from tests.fuzz import attacks


def picture(width: int = 48, height: int = 32) -> np.ndarray:
    """Return an image whose quarters have different colours, to detect rotation and mirroring."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (200, 10, 20)
    rgb[: height // 2, width // 2 :] = (10, 200, 30)
    rgb[height // 2 :, : width // 2] = (30, 20, 200)
    rgb[height // 2 :, width // 2 :] = (220, 210, 40)
    return rgb


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_a_lossless_file_gives_its_pixels(file_format):
    data = saved(Image.fromarray(picture()), file_format)
    photo = read(data, "a." + file_format.lower())
    np.testing.assert_array_equal(photo.rgb, picture())
    assert (photo.height, photo.width) == (32, 48)
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert photo.notes == ()


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "GIF"])
def test_a_lossy_file_gives_nearly_its_pixels(file_format):
    photo = read(saved(Image.fromarray(picture()), file_format, quality=95), "a")
    assert np.abs(photo.rgb[8, 8].astype(int) - (200, 10, 20)).max() <= 12
    assert np.abs(photo.rgb[24, 40].astype(int) - (220, 210, 40)).max() <= 12


def test_the_pixels_cannot_be_written():
    photo = read(saved(Image.fromarray(picture()), "PNG"), "a.png")
    with pytest.raises(ValueError, match="read-only"):
        photo.rgb[0, 0] = 0


# The effect of each EXIF orientation on the stored image, by hand (EXIF 2.32, tag 0x0112).
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation_is_set_upright(orientation, file_format):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](picture())))
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(read(saved(stored, file_format, exif=exif), "turned").rgb, picture())


def test_a_phone_photo_is_set_upright():
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(picture(), 1)))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read(saved(stored, "JPEG", exif=exif, quality=95), "phone.jpg")
    assert np.abs(photo.rgb[8, 8].astype(int) - (200, 10, 20)).max() <= 12
    assert (photo.height, photo.width) == (32, 48)


@pytest.mark.parametrize("block", [b"MM\x00*\xff\xff\xff\xff garbage", b"this is no TIFF header"])
def test_an_unreadable_exif_block_does_not_refuse_the_photo(block):
    photo = read(saved(Image.fromarray(picture()), "PNG", exif=b"Exif\x00\x00" + block), "a.png")
    np.testing.assert_array_equal(photo.rgb, picture())


def test_grey_becomes_rgb():
    photo = read(saved(Image.fromarray(picture()[:, :, 0]), "PNG"), "grey.png")
    np.testing.assert_array_equal(photo.rgb, np.repeat(picture()[:, :, :1], 3, axis=2))


def test_black_and_white_becomes_rgb():
    photo = read(saved(Image.new("1", (20, 20), 1), "PNG"), "bw.png")
    assert (photo.rgb == 255).all()


def test_a_palette_becomes_rgb():
    photo = read(saved(Image.fromarray(picture()).quantize(8), "PNG"), "palette.png")
    assert np.abs(photo.rgb.astype(int) - picture()).max() <= 2


def test_cmyk_becomes_rgb():
    cmyk = Image.new("CMYK", (20, 20), (0, 255, 255, 0))  # no cyan, full magenta and yellow: red
    photo = read(saved(cmyk, "JPEG", quality=100), "print.jpg")
    assert photo.rgb[..., 0].min() > 240
    assert photo.rgb[..., 1:].max() < 15


def test_a_lab_tiff_becomes_rgb():
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    photo = read(saved(ImageCms.applyTransform(Image.new("RGB", (20, 20), (200, 30, 30)), to_lab), "TIFF"), "lab.tif")
    assert np.abs(photo.rgb[5, 5].astype(int) - (200, 30, 30)).max() <= 6


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(file_format):
    grey = np.zeros((20, 20), np.uint16)
    grey[0, :5] = (0, 257, 32768, 65278, 65535)  # 65535 / 255 = 257
    photo = read(saved(Image.fromarray(grey), file_format), "deep")
    assert photo.rgb[0, :5, 0].tolist() == [0, 1, 128, 254, 255]


def test_sixteen_bit_grey_whose_white_is_zero_is_inverted():
    grey = np.zeros((20, 20), np.uint16)
    grey[0, 0] = 65535
    photo = read(saved(Image.fromarray(grey), "TIFF", tiffinfo={262: 0}), "film.tif")
    assert photo.rgb[0, 0, 0] == 0
    assert photo.rgb[1, 1, 0] == 255


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, raw: bytes) -> bytes:
    """Return a hand-written PNG with features that Pillow cannot save."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(raw)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_sixteen_bit_rgb_is_scaled_not_clipped():
    row = b"\x00" + struct.pack(">3H", 65535, 32768, 256) * 16
    photo = read(png(16, 16, 16, 2, row * 16), "deep.png")
    assert photo.rgb[3, 3].tolist() == [255, 128, 1]


def test_transparency_is_laid_on_white_and_said():
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[:, :10] = (255, 0, 0, 128)
    photo = read(saved(Image.fromarray(rgba), "PNG"), "logo.png")
    assert photo.rgb[0, 0].tolist() == [255, 127, 127]  # 255 * (1 - 128 / 255)
    assert photo.rgb[0, 15].tolist() == [255, 255, 255]
    assert photo.notes == ("Transparent areas are shown on white.",)


def test_a_transparent_palette_colour_is_laid_on_white():
    grey = Image.new("P", (20, 20), 3)
    grey.putpalette([0, 0, 0] * 8)
    grey.paste(1, (0, 0, 20, 10))
    photo = read(saved(grey, "GIF", transparency=3), "a.gif")
    assert (photo.rgb[10:] == 255).all()
    assert (photo.rgb[:10] == 0).all()


def test_an_unused_alpha_channel_is_not_mentioned():
    assert read(saved(Image.fromarray(picture()).convert("RGBA"), "PNG"), "a.png").notes == ()


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_is_used_and_said(file_format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    photo = read(saved(frames[0], file_format, save_all=True, append_images=frames[1:]), "moving")
    assert photo.rgb[5, 5, 0] > 240
    assert photo.rgb[5, 5, 2] < 15
    assert photo.notes == ("The file contains several pictures; EffViz uses the first.",)


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read(data, "holiday.jpg")
    sentence = str(caught.value)
    assert sentence.startswith("holiday.jpg ")
    return sentence


def test_an_empty_file_is_refused():
    assert "is empty" in refusal(b"")


def test_too_many_bytes_are_refused_before_opening(monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    assert "20.0 MB; the limit is 20 MB" in refusal(b"\x00" * (20 * 2**20 + 1))


def test_other_files_are_refused():
    assert "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF are supported" in refusal(b"%PDF-1.7 hello")


def test_other_picture_formats_are_refused():
    for file_format in ("PPM", "ICO", "PCX", "TGA", "JPEG2000", "EPS"):
        assert "not an image that EffViz can read" in refusal(saved(Image.fromarray(picture()), file_format))


def test_a_damaged_heic_photo_and_a_video_are_named():
    assert "is a HEIC or AVIF image that is damaged" in refusal(b"\x00\x00\x00\x18ftypheic" + bytes(40))
    assert "is a video; JPEG" in refusal(b"\x00\x00\x00\x18ftypqt  " + bytes(40))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["HEIF", "AVIF"])
def test_photos_of_phones_are_read_upright(file_format, orientation):
    images.register_phone_formats()
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = Image.fromarray(np.ascontiguousarray(STORED[orientation](picture())))
    found = read(saved(lying, file_format, exif=exif.tobytes(), quality=95), "IMG_1234.HEIC")
    assert found.rgb.shape == (32, 48, 3)
    corners = np.ix_((4, 27), (4, 43))
    assert np.abs(found.rgb[corners].astype(int) - picture()[corners]).max() < 12
    assert found.notes == ()


@pytest.mark.parametrize("file_format", ["HEIF", "AVIF"])
def test_photos_of_phones_have_the_limits_of_others(file_format, monkeypatch):
    images.register_phone_formats()
    shown = Image.fromarray(picture(64, 64))
    several = saved(shown, file_format, save_all=True, append_images=[shown.rotate(180)])
    assert read(several, "burst.heic").notes == (srgb_conversion.SEVERAL,)
    assert "at least 16" in refusal(saved(Image.new("RGB", (64, 8)), file_format))
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "load", None)
        wide = several.replace(struct.pack(">II", 64, 64), struct.pack(">II", 10_000, 5_001))
        assert "the limit is 50 megapixels" in refusal(wide)
    claimed = several.replace(struct.pack(">II", 64, 64), struct.pack(">II", 32, 32))
    if file_format == "HEIF":  # the AVIF decoder gives the image the size in the header
        assert "is damaged" in refusal(claimed)
    one = saved(shown, file_format)
    for part in (0.3, 0.6, 0.9):
        assert re.search("is damaged|that is damaged|ends before", refusal(one[: int(part * len(one))]))


def test_a_container_that_hides_its_kind_is_read():
    images.register_phone_formats()
    for file_format in ("HEIF", "AVIF"):
        data = saved(Image.fromarray(picture()), file_format)
        assert read(data[:8] + b"mif1" + data[12:], "a.heif").width == 48


@pytest.mark.parametrize(("width", "height"), [(10_000, 5_001), (20_000, 20_000)])
def test_too_many_pixels_are_refused_from_the_header(width, height, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 89_478_485)
    assert "50 megapixels" in refusal(png(width, height, 8, 2, b""))


def test_fifty_megapixels_pass_the_header():
    assert "ends before the picture is complete" in refusal(png(10_000, 5_000, 8, 2, b""))


def test_a_picture_too_small_is_refused():
    assert "15 x 40 pixels; each side must have at least 16" in refusal(saved(Image.new("RGB", (15, 40)), "PNG"))


def test_a_picture_too_long_is_refused():
    assert "20 times" in refusal(saved(Image.new("RGB", (321, 16)), "PNG"))
    assert read(saved(Image.new("RGB", (320, 16)), "PNG"), "strip.png").width == 320


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bits_are_refused(mode):
    assert "32 bits" in refusal(saved(Image.new(mode, (20, 20)), "TIFF"))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_a_file_cut_off_is_refused(file_format):
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    data = saved(Image.fromarray(noise), file_format)
    assert "holiday.jpg" in refusal(data[: len(data) * 2 // 3])


def test_a_jpeg_cut_off_says_so():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    data = saved(Image.fromarray(noise), "JPEG")
    assert "ends before the picture is complete" in refusal(data[: len(data) // 2])


def test_a_damaged_png_says_so():
    data = bytearray(saved(Image.fromarray(picture()), "PNG"))
    data[data.index(b"IDAT") + 6] ^= 0xFF
    assert "is damaged" in refusal(bytes(data))


def tiff_with_tile(side: int, tile: int) -> bytes:
    """Return a small TIFF that claims one huge tile."""
    body = zlib.compress(bytes(1000))
    tags = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (277, 1), (284, 1), (322, tile), (323, tile)]
    offset = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    entries += struct.pack("<HHII", 324, 4, 1, offset) + struct.pack("<HHII", 325, 4, 1, len(body))
    return b"II*\x00" + struct.pack("<IH", 8, len(tags) + 2) + entries + struct.pack("<I", 0) + body


def test_a_tiff_with_one_huge_tile_is_refused_from_the_header(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", None)
    assert "the limit is 50 megapixels" in refusal(tiff_with_tile(100, 65520))


def photo_or_sentence(data: bytes) -> None:
    sentence = "fuzz.bin is a photo"
    try:
        assert read(data, "fuzz.bin").rgb.dtype == np.uint8
    except ImageError as error:
        sentence = str(error)
    assert sentence.startswith("fuzz.bin ")


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_random_bytes_give_a_photo_or_a_sentence(data):
    photo_or_sentence(data)


# Files that request more than a photo needs are refused before decoding; ordinary ones pass.


def headers_refusal(data: bytes) -> str:
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
    assert f"has more than {part.most:,} {part.title}" in headers_refusal(attack(part.most + 1))
    images.check_header_counts(attack(part.most // 2), "a")


def test_a_picture_that_a_webp_decoder_would_make_room_for_is_refused() -> None:
    assert "more than 25,000,000 WebP pixels" in headers_refusal(attacks.webp_of_one_colour(7000))
    assert images.decode(attacks.webp_of_one_colour(64), "a").size == (64, 64)


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_says_its_size_in_each_of_its_kinds(lossless: bool) -> None:
    found = []
    for exif in (b"", b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"):  # EXIF adds the extended header
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
    assert "more than 10,000 pictures" in headers_refusal(circle + bytes(16))


@pytest.mark.parametrize("big", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_is_followed_in_both_orders_and_sizes(big: bool, order: str) -> None:
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    if big:
        head = mark + struct.pack(order + "HHQ", 8, 0, 16) + struct.pack(order + "QHHQQQ", 1, 273, 4, 300_000, 0, 0)
    else:
        head = mark + struct.pack(order + "I", 8) + struct.pack(order + "HHHIII", 1, 273, 4, 300_000, 0, 0)
    assert "strips or tiles" in headers_refusal(head + bytes(16))


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


# Images for screens and files.


def test_a_jpeg_shows_the_picture_and_is_the_same_each_time() -> None:
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, 30:] = (200, 80, 20)
    data = encode_jpeg(rgb)
    assert data == encode_jpeg(rgb)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (60, 40))
        assert np.abs(np.asarray(picture).astype(int) - rgb)[:, [5, 55]].max() <= 3


def test_a_png_is_the_picture() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    with Image.open(io.BytesIO(encode_png(rgb))) as picture:
        assert picture.format == "PNG"
        assert np.array_equal(np.asarray(picture), rgb)
