"""A photo's class in a model: ImageNet's number where the model has ImageNet's classes, else by name."""

import dataclasses
import json

import pytest

from effviz.errors import TargetError
from effviz.evaluate.dataset_samples import DatasetSample
from effviz.evaluate.datasets import open_dataset
from effviz.zoo.catalogue import parse_model
from effviz.zoo.imagenet_classes import all_classes

LITE = parse_model("lite0").spec


def sample(tmp_path, **entry):
    (tmp_path / "annotations.json").write_text(json.dumps([{"file": "a.jpg", **entry}]))
    return open_dataset(tmp_path).samples[0]


def other(*names):
    return dataclasses.replace(LITE, name="mine", classes=names)


def test_number_of_an_imagenet_model(tmp_path):
    assert sample(tmp_path, label=340, name="zebra").class_for(LITE) == 340


def test_name_of_any_other(tmp_path):
    assert sample(tmp_path, label=340, name="zebra").class_for(other("horse", "Zebra")) == 1


def test_synset_stands_for_its_names(tmp_path):
    assert sample(tmp_path, wnid="n01440764").class_for(other("cat", "tench")) == 1


def test_a_bare_number_is_the_models_own(tmp_path):
    assert sample(tmp_path, label=1).class_for(other("cat", "dog")) == 1


@pytest.mark.parametrize("entry", [{"label": 10}, {"label": "10"}])
def test_a_number_is_first_the_name_of_a_class(tmp_path, entry):
    numbers = sorted(str(number) for number in range(1, 13))  # 1, 10, 11, 12, 2 ... as folders are sorted
    assert numbers[sample(tmp_path, **entry).class_for(other(*numbers))] == "10"
    assert sample(tmp_path, **entry).class_for(other(*"abcdefghijkl")) == 10
    assert sample(tmp_path, **entry).class_for(LITE) == 10


def test_of_two_classes_that_differ_in_their_letters_the_one_that_is_meant_is_taken(tmp_path):
    assert [sample(tmp_path, name=name).class_for(other("A", "a")) for name in ("A", "a")] == [0, 1]


def test_a_number_with_an_unknown_name_is_not_guessed(tmp_path):
    with pytest.raises(TargetError, match="'zebra'"):
        sample(tmp_path, label=1, name="zebra").class_for(other("cat", "dog"))


@pytest.mark.parametrize("label", [-1, 1000, 2019, 20240131123000])
def test_a_number_that_the_model_has_not_is_no_class(tmp_path, label):
    with pytest.raises(TargetError, match=f"Class {label} does not exist, which a.jpg has: .* classes 0 to 999"):
        sample(tmp_path, label=label).class_for(LITE)


def test_a_number_is_checked_against_the_models_own_classes(tmp_path):
    with pytest.raises(TargetError, match="classes 0 to 1"):
        sample(tmp_path, label=2).class_for(other("cat", "dog"))


@pytest.mark.parametrize("entry", [{"name": "zebra"}, {"name": "Zebra"}, {"wnid": "n02391049"}])  # class 340
def test_a_number_and_a_name_of_two_classes_are_both_said(tmp_path, entry):
    photo = sample(tmp_path, label=3, **entry)
    with pytest.raises(TargetError, match=r"label 3, which is tiger shark, .*(zebra|Zebra|n02391049).* 340"):
        photo.class_for(LITE)
    assert photo.class_for(other("horse", "zebra")) == 1  # its own numbers are the data set's affair


def test_a_word_that_two_classes_share_goes_with_either(tmp_path):
    # "crane" is a bird (134) and a machine (517), and WordNet calls a projectile (744) a missile (657) too
    for label, name in ((134, "crane"), (517, "crane"), (744, "missile"), (657, "missile"), (3, "Nemo")):
        assert sample(tmp_path, label=label, name=name).class_for(LITE) == label


def test_every_class_goes_with_its_own_words(tmp_path):
    for entry in all_classes():
        words = (entry.name, entry.synset, *entry.lemmas)
        assert DatasetSample(tmp_path, "a.jpg", entry.index, class_names=words).class_for(LITE) == entry.index


def test_no_class_is_said(tmp_path):
    with pytest.raises(TargetError, match="no class"):
        sample(tmp_path).class_for(LITE)
