import io

import numpy as np
from PIL import Image

from effviz.report.image_files import encode_jpeg, encode_png


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
