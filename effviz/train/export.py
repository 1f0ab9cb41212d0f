"""What a finished training leaves: weights, their entry for `models/manifest.json`, and a card for people."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from safetensors.torch import save_file

from effviz import files
from effviz.scaling import plan
from effviz.train import augment, log
from effviz.train.data import DataSet
from effviz.train.loop import Trained
from effviz.train.recipe import TrainingRecipe
from effviz.zoo import tensors
from effviz.zoo.accuracy import interval_pct

WEIGHTS: Final = "weights.safetensors"
ENTRY: Final = "entry.json"
CARD: Final = "README.md"


def export(recipe: TrainingRecipe, data: DataSet, trained: Trained, folder: Path) -> dict[str, object]:
    """Write weights, entry and card into the folder; return the entry."""
    weights = {name: tensor.cpu().contiguous() for name, tensor in trained.module.state_dict().items()}
    new = folder / f".{WEIGHTS}.new"
    with files.writing(folder):
        save_file(weights, new)
        new.replace(folder / WEIGHTS)
    entry = _entry(recipe, data, trained, tensors.sha256(folder / WEIGHTS))
    log.replace(folder / ENTRY, json.dumps(entry, indent=2, ensure_ascii=False) + "\n")
    log.replace(folder / CARD, _card(recipe, data, trained))
    return entry


def _entry(recipe: TrainingRecipe, data: DataSet, trained: Trained, sha256: str) -> dict[str, object]:
    of = recipe.network
    return {
        "name": recipe.name.lower(),
        "file": WEIGHTS,
        "sha256": sha256,
        "family": of.family.value,
        "padding": "same",
        "depth": of.depth,
        "width": of.width,
        "resolution_px": of.resolution_px,
        "classes": list(data.classes),
        "licence": "Apache-2.0",
        "origin": f"trained with `effviz train`, recipe {recipe.name} {recipe.digest}, seed {recipe.seed}, on "
        f"{len(data.train)} pictures of {len(data.classes)} classes",
        "top1_pct": round(trained.top1_pct, 2),
        "top1_pictures": trained.pictures,
        "dataset": data.name,
        "top1_source": f"measured once after the last epoch: {trained.correct} of {trained.pictures} pictures of val/",
        "crop_pct": augment.CROP,
        "interpolation": "bicubic",
        "mean": list(augment.MEAN),
        "std": list(augment.STD),
    }


def _card(recipe: TrainingRecipe, data: DataSet, trained: Trained) -> str:
    of = recipe.network
    network = plan(of.depth, of.width, of.resolution_px, of.family, len(data.classes))
    low, high = interval_pct(trained.correct, trained.pictures)
    return f"""# {recipe.name}

B0 with depth {of.depth:g} and width {of.width:g} at {of.resolution_px} px: {network.params:,} parameters,
{network.macs:,} MACs. Trained with `effviz train` for {recipe.epochs} epochs ({trained.seconds:.0f} s) on
{len(data.train)} pictures of {len(data.classes)} classes; {len(data.train.skipped) + len(data.val.skipped)} files could
not be read and were skipped.

Top-1 on {trained.pictures} pictures that it was not trained on: **{trained.top1_pct:.2f} %**
(95 % interval {low:.1f} to {high:.1f} %).

Recipe (seed {recipe.seed}, digest {recipe.digest}):

```json
{json.dumps(asdict(recipe), indent=2)}
```
"""
