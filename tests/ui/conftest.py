"""The page Compare as its two checks are tested: opened by an address, pressed, and read."""

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
    """Ours are in no package's metadata, which every simulation reads anew: that of all packages that are installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BidiComponentManager, "discover_and_register_components", lambda *_args, **_options: None)
        yield


@pytest.fixture(autouse=True)
def uploads(monkeypatch: pytest.MonkeyPatch) -> MemoryUploadedFileManager:
    """What a server keeps of uploads until a session ends: the simulation has a new store for every run."""
    kept = MemoryUploadedFileManager("/mock/upload")
    monkeypatch.setattr(local_script_runner, "MemoryUploadedFileManager", lambda _endpoint: kept)
    return kept


@dataclass(frozen=True, slots=True)
class Opened:
    """A visit."""

    test: AppTest

    def texts(self) -> str:
        """What stands there in words, whatever kind of message it is."""
        test = self.test
        parts = [*test.markdown, *test.caption, *test.info, *test.warning, *test.error]
        return "\n".join(str(part.value) for part in parts)

    def reels(self) -> list[dict[str, Any]]:
        """What the sequences on the page were given."""
        return [
            json.loads(element.proto.json)[0]
            for element in self.test.get("bidi_component")
            if element.proto.component_name == "effviz_reel"
        ]

    def pressed(self, button: str) -> dict[str, Any]:
        """Press what begins a check, and return the sequence that it makes."""
        self.test.button(key=button).click().run()
        assert not self.test.exception
        (reel,) = self.reels()
        return reel


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Opened]:
    """Return a function that opens Compare at an address, of the dog where no photo is named."""
    monkeypatch.chdir(ROOT)

    def opened(**address: str) -> Opened:
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
        test.query_params.update({"photos": "dog", **address})
        return Opened(test.run())

    return opened
