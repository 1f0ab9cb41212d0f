"""Open the Compare page by an address, start its two checks, and read the results."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest, local_script_runner

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


@pytest.fixture(autouse=True, scope="session")
def _no_components_of_other_packages() -> Iterator[None]:
    """Skip searching installed packages for components: every AppTest repeats it, and ours are not listed there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BidiComponentManager, "discover_and_register_components", lambda *_args, **_options: None)
        yield


@pytest.fixture(autouse=True)
def uploads(monkeypatch: pytest.MonkeyPatch) -> MemoryUploadedFileManager:
    """Keep uploads until the session ends, as a server does; AppTest has a new store for every run."""
    kept = MemoryUploadedFileManager("/mock/upload")
    monkeypatch.setattr(local_script_runner, "MemoryUploadedFileManager", lambda _endpoint: kept)
    return kept


@dataclass(frozen=True, slots=True)
class Opened:
    """An open Compare page."""

    test: AppTest

    def texts(self) -> str:
        """Return all text on the page, whatever the kind of message."""
        test = self.test
        parts = [*test.markdown, *test.caption, *test.info, *test.warning, *test.error]
        return "\n".join(str(part.value) for part in parts)

    def reels(self) -> list[dict[str, Any]]:
        """Return the data of the sequences on the page."""
        return [
            json.loads(element.proto.json)[0]
            for element in self.test.get("bidi_component")
            if element.proto.component_name == "effviz_reel"
        ]

    def pressed(self, button: str) -> dict[str, Any]:
        """Click the button that starts a check, and return its sequence."""
        self.test.button(key=button).click().run()
        assert not self.test.exception
        (reel,) = self.reels()
        return reel


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Opened]:
    """Return a function that opens Compare at an address, with the dog if no photo is named."""
    monkeypatch.chdir(ROOT)

    def opened(**address: str) -> Opened:
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
        test.query_params.update({"photos": "dog", **address})
        return Opened(test.run())

    return opened
