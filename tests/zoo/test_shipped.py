"""The models in models/ are as described: the hash matches, the network runs, and it recognises its classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from effviz.explain import forward_pass, images
from effviz.explain.data_types import Photo
from effviz.zoo import catalogue, loading, manifest

IMAGENETTE = Path(__file__).parents[3] / "shared" / "data" / "imagenette" / "val"
ENTRIES = [entry.name for entry in manifest.entries()]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_shipped_checkpoint_is_loaded(name: str) -> None:
    model = loading.load(catalogue.parse_model(name))
    assert model.ref.spec.trained


@pytest.fixture(scope="module")
def labelled_photos() -> list[tuple[int, Photo]]:
    """Return ten photos per class, decoded once for all networks."""
    return [
        (label, images.read(path.read_bytes(), path.name))
        for label, folder in enumerate(sorted(IMAGENETTE.iterdir()))
        for path in sorted(folder.iterdir())[:10]
    ]


@pytest.mark.skipif(not IMAGENETTE.exists(), reason="Imagenette is not beside the project: ../shared/data/imagenette")
@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith("mini-")])
def test_a_mini_network_recognises_about_as_many_photos_as_its_entry_says(
    name: str, labelled_photos: list[tuple[int, Photo]]
) -> None:
    ref = catalogue.parse_model(name)
    pixels = np.concatenate([forward_pass.prepare(photo, ref).pixels for _label, photo in labelled_photos])
    with torch.inference_mode():
        seen = torch.from_numpy(pixels).to(memory_format=torch.channels_last)  # about twice as fast
        found = loading.load(ref).module(seen).argmax(dim=1).tolist()
    right = [guess == label for guess, (label, _photo) in zip(found, labelled_photos, strict=True)]
    claimed = ref.spec.top1_pct
    assert claimed is not None
    assert abs(100 * sum(right) / len(right) - claimed) < 14  # three standard errors of 100 photos
