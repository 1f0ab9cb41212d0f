"""After a photo is added, all sections select it; otherwise each section keeps the visitor's choice."""

import io
from collections.abc import Callable
from typing import Any

from PIL import Image

Compare = Callable[..., Any]  # opens the page: see conftest.py
SECTIONS = ("agreement_photo", "methods_cell", "faithful_photo", "sanity_cell")


def lawn(number: int) -> tuple[str, bytes, str]:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (0, 60 * number, 0)).save(buffer, "PNG")
    return f"lawn {number}.png", buffer.getvalue(), "image/png"


def shown(page: Any) -> list[str]:
    """Return the value of each section's select box, which ends with the photo's name."""
    boxes = [page.test.selectbox(key=key) for key in SECTIONS]
    return [box.options[box.index].rpartition("· ")[2] for box in boxes]


def test_every_section_speaks_of_the_photo_that_was_added_last(compare: Compare) -> None:
    page = compare(models="lite0@64,lite1@64")
    page.test.file_uploader[0].set_value([lawn(1)]).run()
    assert shown(page) == ["lawn 1.png"] * 4
    page.test.selectbox(key="methods_cell").select("lite1@64 · German shepherd").run()
    page.test.selectbox(key="faithful_photo").select("German shepherd").run()
    page.test.file_uploader[0].set_value([lawn(2)]).run()
    assert shown(page) == ["lawn 2.png"] * 4  # the newest is between the older one and the sample
    assert not page.test.exception


def test_what_was_chosen_stays_until_a_photo_is_added(compare: Compare) -> None:
    page = compare(models="lite0@64,lite1@64")
    page.test.file_uploader[0].set_value([lawn(1)]).run()
    for key in SECTIONS:
        box = page.test.selectbox(key=key)
        box.select(next(option for option in reversed(box.options) if "lawn" not in option)).run()
    page.test.run()
    assert not [name for name in shown(page) if "lawn" in name]
    assert page.test.selectbox(key="sanity_cell").value.startswith("lite1@64")
    next(button for button in page.test.button if button.label == "Remove my photos").click().run()
    page.test.file_uploader[0].set_value([lawn(1)]).run()  # added again
    assert shown(page) == ["lawn 1.png"] * 4
