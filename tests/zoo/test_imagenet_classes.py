"""Class names match WordNet as shipped with timm, and the labels of local photos."""

import csv
from pathlib import Path

from timm.data import ImageNetInfo

from effviz.zoo import imagenet_classes

LABELS = Path(__file__).with_name(
    "photo_labels.csv"
)  # of 400 photos from ImageNet's validation set, labelled by others


def test_synsets_and_lemmas_equal_timms():
    info = ImageNetInfo()
    found = imagenet_classes.all_classes()
    assert [entry.index for entry in found] == list(range(1000))
    assert [entry.synset for entry in found] == info.label_names()
    assert [", ".join(entry.lemmas) for entry in found] == info.label_descriptions()


def test_names_are_unique_whatever_the_case():
    assert len({name.casefold() for name in imagenet_classes.names()}) == 1000
    assert (imagenet_classes.names()[134], imagenet_classes.names()[517]) == ("crane (bird)", "crane (machine)")


def test_names_equal_the_labels_of_the_photos():
    with LABELS.open(encoding="utf-8") as file:
        labels = {int(row["label"]): row["name"] for row in csv.DictReader(file)}
    assert len(labels) > 300
    assert {index: imagenet_classes.names()[index] for index in labels} == labels


def test_every_row_says_where_it_comes_from():
    path = Path(__file__).parents[2] / "effviz/facts/imagenet_classes.csv"
    assert all(row["source"] for row in csv.DictReader(path.open(encoding="utf-8")))


def test_names_and_synonyms_mean_their_classes():
    # Imagenette's ten classes, from its authors' table (github.com/fastai/imagenette).
    ten = ["tench", "English springer", "cassette player", "chain saw", "church", "French horn"]
    more = ["garbage truck", "gas pump", "golf ball", "parachute"]
    assert imagenet_classes.find_indices([*ten, *more]) == {0, 217, 482, 491, 497, 566, 569, 571, 574, 701}
    assert imagenet_classes.find_indices(["tench", "our cat"]) is None
