"""What models/ ships is what it says: the hash fits, the network runs, and it recognises what it was trained on."""

from pathlib import Path

import pytest
import torch

from effviz.explain import forward_pass, images
from effviz.zoo import catalogue, loading, manifest

IMAGENETTE = Path(__file__).parents[3] / "shared" / "data" / "imagenette" / "val"
ENTRIES = [entry.name for entry in manifest.entries()]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_shipped_checkpoint_is_loaded(name: str) -> None:
    model = loading.load(catalogue.parse_model(name))
    assert model.ref.spec.trained


@pytest.mark.skipif(not IMAGENETTE.exists(), reason="Imagenette is not beside the project: ../shared/data/imagenette")
@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith("mini-")])
def test_a_mini_network_recognises_about_as_many_photos_as_its_entry_says(name: str) -> None:
    ref = catalogue.parse_model(name)
    model = loading.load(ref)
    right, seen = 0, 0
    for label, folder in enumerate(sorted(IMAGENETTE.iterdir())):
        for path in sorted(folder.iterdir())[:10]:
            photo = images.read(path.read_bytes(), path.name)
            with torch.inference_mode():
                logits = model.module(torch.from_numpy(forward_pass.prepare(photo, ref).pixels.copy()))
            right += int(logits.argmax()) == label
            seen += 1
    claimed = ref.spec.top1_pct
    assert claimed is not None
    assert abs(100 * right / seen - claimed) < 14  # three standard errors of 100 photos
