"""EffViz decodes files as Chromium draws them on white: networks get what people see."""

import base64
import io

import numpy as np
from PIL import Image
from playwright.sync_api import Browser

from effviz.explain.images import read

DRAW = """async (files) => {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d"), found = [];
  for (const [kind, data] of files) {
    const picture = new Image();
    picture.src = `data:image/${kind};base64,${data}`;
    await picture.decode();
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    found.push([canvas.height, canvas.width, [...pen.getImageData(0, 0, canvas.width, canvas.height).data]]);
  }
  return found;
}"""

y, x = np.mgrid[0:32, 0:48]
RGB = np.stack([x * 5 % 256, y * 8 % 256, (x * 3 + y * 4) % 256], -1).astype(np.uint8)
ALPHA = np.where(x < 10, 80, 255).astype(np.uint8)


def files() -> list[tuple[str, bytes]]:
    whole, clear = Image.fromarray(RGB), Image.fromarray(np.dstack([RGB, ALPHA]))
    grey, few = whole.getchannel(2), whole.quantize(16)
    print_colours = Image.fromarray(np.dstack([255 - RGB, x.astype(np.uint8) * 2]), "CMYK")
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = [Image.new("RGB", (48, 32), colour) for colour in ("blue", "red")]
    several = {"save_all": True, "append_images": frames}
    exact = {"quality": 98, "subsampling": 0}
    pictures = [
        ("PNG", clear, {}),
        ("PNG", clear.convert("LA"), {}),
        ("PNG", few, {"transparency": bytes([0, 128])}),
        ("PNG", grey.quantize(4), {"bits": 2, "transparency": 1}),
        ("PNG", Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), {}),
        ("PNG", Image.fromarray(np.asarray(grey) > 128), {}),
        ("PNG", whole, {**several, "default_image": True}),
        ("JPEG", whole, exact),
        ("JPEG", whole, {**exact, "exif": turned}),
        ("JPEG", grey, exact),
        ("JPEG", print_colours, exact),
        ("JPEG", whole, {**exact, "keep_rgb": True}),
        ("MPO", whole, {**exact, **several}),
        ("WEBP", clear, {"lossless": True, "exact": True}),
        ("WEBP", whole, {"lossless": True, **several}),
        ("GIF", few, {"transparency": 3}),
        ("GIF", few, several),
        ("BMP", whole, {}),
        ("BMP", few, {}),
    ]
    found = []
    for kind, picture, options in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        found.append((kind.lower().replace("mpo", "jpeg"), buffer.getvalue()))
    return found


def test_pictures_are_read_as_chromium_draws_them(browser: Browser) -> None:
    known = files()
    page = browser.new_page()
    drawn = page.evaluate(DRAW, [[kind, base64.b64encode(data).decode()] for kind, data in known])
    page.close()
    for number, ((kind, data), (height, width, pixels)) in enumerate(zip(known, drawn, strict=True)):
        theirs = np.array(pixels).reshape(height, width, 4)[..., :3]
        np.testing.assert_allclose(read(data, kind).rgb, theirs, atol=12, err_msg=f"{number}, {kind}")
