"""Edge cases of each format, by the format's specification; tests/browser compares with Chromium."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from effviz.errors import ImageError
from effviz.explain.images import read

SIDE = 16
RED, BLUE = (200, 60, 100), (10, 20, 200)
ON_WHITE = "Transparent areas are shown on white."
CONVERTED = "Colours are converted from the file's colour space to sRGB, as browsers do."


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(depth: int, colour: int, row: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of 16 equal rows."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0)
    body = zlib.compress((b"\0" + row) * SIDE)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in chunks)


def tiff(pixels: np.ndarray, photometric: int, *more: tuple[int, list[int]], planes: int = 1) -> bytes:
    """Return a hand-written TIFF with features that Pillow cannot save; every tag is a list of 16-bit numbers."""
    height, width, channels = pixels.shape
    body = (pixels if planes == 1 else pixels.transpose(2, 0, 1)).tobytes()
    bits = [pixels.dtype.itemsize * 8] * channels
    tags = {256: [width], 257: [height], 258: bits, 259: [1], 262: [photometric], 277: [channels], 278: [height]}
    tags |= {273: [0] * (1 if planes == 1 else channels), 279: [len(body) // (1 if planes == 1 else channels)]}
    tags |= {284: [planes], **dict(more)}
    tags[279] *= len(tags[273])
    end = 8 + 2 + 12 * len(tags) + 4
    values = {tag: struct.pack(f"<{len(found)}H", *found) for tag, found in sorted(tags.items())}
    beside = sum(len(value) for tag, value in values.items() if len(value) > 4 and tag != 273)
    start = end + beside + 2 * len(tags[273])
    tags[273] = [start + number * tags[279][0] for number in range(len(tags[273]))]
    values[273] = struct.pack(f"<{len(tags[273])}H", *tags[273])
    entries, blobs = b"", b""
    for tag, value in values.items():
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", end + len(blobs))
        blobs += value if len(value) > 4 else b""
        entries += struct.pack("<HHI", tag, 3, len(value) // 2) + place
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + blobs.ljust(start - end, b"\0") + body


def gif(*frame: int) -> bytes:
    """Return a GIF of 16 x 16 whose only frame is smaller; colour 0 is red, colour 1 blue."""
    x, y, width, height = frame
    palette = bytes((*RED, *BLUE))
    # clear, then one three-bit code per pixel, never more than two in a row, so that the code size stays
    codes = [code for _ in range(width * height) for code in (4, 1)] + [5]
    bits = sum(code << 3 * place for place, code in enumerate(codes))
    packed = bits.to_bytes(3 * len(codes) // 8 + 1, "little")
    blocks = b"".join(bytes([len(packed[at : at + 255])]) + packed[at : at + 255] for at in range(0, len(packed), 255))
    screen = struct.pack("<HHBBB", SIDE, SIDE, 0x80, 0, 0) + palette
    return b"GIF89a" + screen + b"," + struct.pack("<4HB", x, y, width, height, 0) + b"\2" + blocks + b"\0;"


def profile(*primaries: tuple[float, float, float], greys: bool = False) -> bytes:
    """Return an ICC profile (version 2) with three primaries in XYZ and a gamma of 2.2, or with linear greys."""
    fixed = lambda *numbers: b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)  # noqa: E731
    white, text = (0.9642, 1, 0.8249), b"text\0\0\0\0x\0\0\0"
    named = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(80)
    tags = [(b"desc", named), (b"cprt", text), (b"wtpt", b"XYZ \0\0\0\0" + fixed(*white))]
    tags += [
        (name, b"XYZ \0\0\0\0" + fixed(*of)) for name, of in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    ]
    tags += [(name, b"curv\0\0\0\0" + struct.pack(">IHH", 1, 563, 0)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    if greys:
        tags = [*tags[:3], (b"kTRC", b"curv" + bytes(8))]
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, value in tags:
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"", 0x02100000, b"mntr", b"GRAY" if greys else b"RGB ", b"XYZ "
    ) + bytes(12)
    head += b"acsp" + bytes(28) + fixed(*white)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


class TestTransparency:
    def test_a_grey_of_few_bits(self):
        # PNG: the transparent grey is a stored value, 2 of 0..3; pixels are 1 and 2
        photo = read(png(2, 0, bytes([0b01100110] * 4), (b"tRNS", struct.pack(">H", 2))), "a.png")
        assert (photo.rgb[0, 0, 0], photo.rgb[0, 1, 0], photo.notes) == (85, 255, (ON_WHITE,))

    def test_a_grey_of_sixteen_bits(self):
        row = struct.pack(">2H", 0x1234, 0x1235) * 8
        photo = read(png(16, 0, row, (b"tRNS", struct.pack(">H", 0x1234))), "a.png")
        assert (photo.rgb[0, 0, 0], photo.rgb[0, 1, 0], photo.notes) == (255, 18, (ON_WHITE,))

    def test_a_colour_of_sixteen_bits(self):
        row = struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0x4000, 0x5000, 0x6000) * 8
        photo = read(png(16, 2, row, (b"tRNS", struct.pack(">3H", 0x1234, 0x5678, 0x9ABC))), "a.png")
        assert photo.rgb[0, :2].tolist() == [[255, 255, 255], [0x40, 0x50, 0x60]]

    def test_what_a_gifs_frame_leaves_out(self):
        photo = read(gif(4, 2, 8, 5), "a.gif")
        assert photo.rgb[6, 11].tolist() == list(BLUE)
        assert photo.rgb[1, 11].tolist() == photo.rgb[6, 12].tolist() == [255, 255, 255]
        assert photo.notes == (ON_WHITE,)
        assert read(gif(0, 0, 16, 16), "a.gif").notes == ()

    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "GIF", "TIFF"])
    def test_a_picture_that_is_nowhere_opaque_is_refused(self, file_format):
        options = {"transparency": 0} if file_format == "GIF" else {}
        mode = "P" if file_format == "GIF" else "RGBA"
        with pytest.raises(ImageError, match="is fully transparent"):
            read(saved(Image.new(mode, (20, 20), 0), file_format, **options), "a")

    def test_a_fourth_channel_that_nobody_calls_alpha_is_none(self):
        pixels = np.full((SIDE, SIDE, 4), (*RED, 0), np.uint8)  # TIFF 6.0: without ExtraSamples it has no meaning
        assert read(tiff(pixels, 2), "a.tif").rgb[3, 3].tolist() == list(RED)
        with pytest.raises(ImageError, match="is fully transparent"):
            read(tiff(pixels, 2, (338, [2])), "a.tif")


class TestColours:
    @pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF"])
    def test_a_profile_is_followed(self, file_format):
        """With reordered primaries, stored red appears as green."""
        swapped = profile(SRGB[1], SRGB[2], SRGB[0])
        options = {"quality": 100} if file_format == "JPEG" else {"lossless": True} if file_format == "WEBP" else {}
        photo = read(saved(Image.new("RGB", (32, 32), RED), file_format, icc_profile=swapped, **options), "a")
        np.testing.assert_allclose(photo.rgb[9, 9], (RED[2], RED[0], RED[1]), atol=6)  # 2.2 is not quite sRGB's curve
        assert photo.notes == (CONVERTED,)

    @pytest.mark.parametrize("kept", [profile(*SRGB), b"no profile at all" * 9])
    def test_one_of_srgb_and_a_damaged_one_change_nothing(self, kept):
        photo = read(saved(Image.new("RGB", (32, 32), RED), "PNG", icc_profile=kept), "a.png")
        assert (photo.rgb[9, 9].tolist(), photo.notes) == (list(RED), ())

    def test_greys_have_profiles_too(self):
        """With gamma 1, 55 / 255 of the light is 0.2157, which sRGB encodes as 0.5020."""
        linear = profile(*SRGB, greys=True)
        photo = read(saved(Image.new("L", (32, 32), 55), "PNG", icc_profile=linear), "a.png")
        assert (photo.rgb[9, 9].tolist(), photo.notes) == ([128, 128, 128], (CONVERTED,))

    def test_linear_light_is_encoded(self):
        row = bytes((0, 55, 255)) * SIDE  # 55 / 255 of the light is 0.2157, which sRGB encodes as 0.5020
        linear = (b"gAMA", struct.pack(">I", 100_000))
        photo = read(png(8, 2, row, linear), "a.png")
        assert (photo.rgb[2, 2].tolist(), photo.notes) == ([0, 128, 255], (CONVERTED,))
        for known in ((b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45_455))):
            assert read(png(8, 2, row, linear, known), "a.png").rgb[2, 2].tolist() == [0, 55, 255]

    def test_other_primaries_are_followed(self):
        numbers = (31270, 32900, 30000, 60000, 15000, 6000, 64000, 33000)  # sRGB's, with green in place of red
        parts = (b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", struct.pack(">8I", *numbers))
        photo = read(png(8, 2, bytes(RED) * SIDE, *parts), "a.png")
        np.testing.assert_allclose(photo.rgb[2, 2], (RED[2], RED[0], RED[1]), atol=6)

    def test_a_palette_of_eight_bits_is_not_black(self):
        palette = [*range(256), *range(255, -1, -1), *[7] * 256]
        pixels = np.full((SIDE, SIDE, 1), 200, np.uint8)
        for width in (1, 257):  # TIFF has 16 bits per colour; old programs wrote 8
            photo = read(tiff(pixels, 3, (320, [part * width for part in palette])), "a.tif")
            assert photo.rgb[3, 3].tolist() == [200, 55, 7]


class TestNumbers:
    @pytest.mark.parametrize("kind", [2, 3])
    def test_with_a_sign_or_a_point_they_are_refused(self, kind):
        pixels = np.zeros((SIDE, SIDE, 1), np.uint8)
        with pytest.raises(ImageError, match=r"not defined|of an unsupported kind"):
            read(tiff(pixels, 1, (339, [kind])), "a.tif")

    def test_planes_of_sixteen_bits_are_refused_and_those_of_eight_read(self):
        pixels = np.full((SIDE, SIDE, 3), RED)
        assert read(tiff(pixels.astype(np.uint8), 2, planes=2), "a.tif").rgb[3, 3].tolist() == list(RED)
        with pytest.raises(ImageError, match="separate planes"):
            read(tiff(pixels.astype(np.uint16), 2, planes=2), "a.tif")


class TestSeveral:
    def test_a_preview_inside_a_photo_is_said(self):
        frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
        photo = read(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]), "phone.jpg")
        assert photo.rgb[5, 5, 0] > 240
        assert photo.notes == ("The file contains several pictures; EffViz uses the first.",)

    def test_what_stands_in_for_an_animation_is_not_its_first_picture(self):
        frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "lime")]
        data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
        assert read(data, "a.png").rgb[5, 5].tolist() == [0, 0, 255]
