import dataclasses

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from effviz.errors import TargetError
from effviz.explain.targets import (
    TOP1,
    Target,
    TargetKind,
    parse_target,
    probabilities,
    resolve_target,
    search_classes,
    top_guesses,
)
from effviz.zoo.imagenet_classes import names


@pytest.fixture
def ranked(small_lite):
    """Rank class 7 first, then 3, then 999."""
    logits = np.zeros(1000, np.float32)
    logits[[7, 3, 999]] = 5, 4, 3
    return dataclasses.replace(small_lite, logits=logits)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("top1", TOP1),
        (" TOP1 ", TOP1),
        ("rank2", Target(TargetKind.RANK, 2)),
        ("207", Target(TargetKind.CLASS, "207")),
        ("-1", Target(TargetKind.CLASS, "-1")),
        ("golden retriever", Target(TargetKind.CLASS, "golden retriever")),
        ("ranked", Target(TargetKind.CLASS, "ranked")),
    ],
)
def test_parse(text, target):
    assert parse_target(text) == target


@given(st.sampled_from(["top1", "rank3", "12", "tench"]))
def test_a_target_writes_what_parse_reads(text):
    assert str(parse_target(text)) == text


@pytest.mark.parametrize("text", ["", "  ", "rank0"])
def test_parse_refuses(text):
    with pytest.raises(TargetError):
        parse_target(text)


@pytest.mark.parametrize(
    ("target", "index"),
    [
        (TOP1, 7),
        (Target(TargetKind.RANK, 2), 3),
        (Target(TargetKind.RANK, 3), 999),
        (Target(TargetKind.CLASS, 42), 42),
        (Target(TargetKind.CLASS, "Golden Retriever"), 207),
        (12, 12),
        (np.int64(999), 999),
    ],
)
def test_resolve(ranked, target, index):
    assert resolve_target(target, ranked) == index


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (5000, "Class 5000 does not exist: this model has classes 0 to 999. Pick one from the list."),
        (-1, "Class -1 does not exist: this model has classes 0 to 999. Pick one from the list."),
        (Target(TargetKind.CLASS, 1000), "Class 1000 does not exist: this model has classes 0 to 999. Pick one"),
        (Target(TargetKind.RANK, 1001), "Rank 1001 does not exist: this model ranks classes from 1 to 1000."),
        (Target(TargetKind.CLASS, "goldn retriever"), 'Class "goldn retriever" does not exist: this model has 1000'),
        (Target(TargetKind.CLASS, "qqqq"), "Search the list for a different word."),
    ],
)
def test_what_does_not_exist_is_said_in_one_sentence(ranked, target, sentence):
    with pytest.raises(TargetError) as caught:
        resolve_target(target, ranked)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text", ["+-5", "--5", "-", "rank-", "rank+-1", "9" * 5000, "rank" + "9" * 5000, "\u0663", "1000"]
)
def test_what_only_looks_like_a_number_ends_in_a_sentence(ranked, text):
    with pytest.raises(TargetError, match="does not exist"):
        resolve_target(parse_target(text), ranked)


def test_a_number_is_first_the_name_of_a_class(ranked):
    numbers = tuple(sorted(str(number) for number in range(1, 1001)))  # 1, 10, 100, 1000, 101 ...
    spec = dataclasses.replace(ranked.model.ref.spec, classes=numbers)
    named = dataclasses.replace(
        ranked, model=dataclasses.replace(ranked.model, ref=dataclasses.replace(ranked.model.ref, spec=spec))
    )
    assert numbers[resolve_target(parse_target("10"), named)] == "10"
    assert resolve_target(parse_target("0"), named) == 0  # not a class name
    assert (resolve_target(parse_target("10"), ranked), resolve_target(parse_target("+7"), ranked)) == (10, 7)


def test_a_misspelt_name_is_answered_with_the_closest(ranked):
    with pytest.raises(TargetError, match='Did you mean "Golden Retriever"'):
        resolve_target(Target(TargetKind.CLASS, "goldn retriever"), ranked)


def test_search_puts_whole_names_first_then_beginnings_words_parts_and_close_spellings():
    known = ["scatter", "wild cat", "catamaran", "cat", "dog"]
    assert [known[index] for index in search_classes("CAT", known)] == ["cat", "catamaran", "wild cat", "scatter"]
    assert search_classes("dogg", known) == [4]
    assert search_classes("cat", known, limit=2) == [3, 2]


@pytest.mark.parametrize("query", ["", "   "])
def test_an_empty_search_finds_nothing(query):
    assert search_classes(query, ["cat"]) == []


def test_search_in_imagenet():
    assert search_classes("golden retriever", names())[0] == 207
    assert all("retriever" in names()[index].lower() for index in search_classes("retriever", names())[:5])


def test_probabilities_are_the_softmax(small_lite):
    assert probabilities(small_lite) == pytest.approx(scipy.special.softmax(small_lite.logits.astype(float)))


def test_probabilities_of_huge_logits_are_finite(ranked):
    huge = dataclasses.replace(ranked, logits=ranked.logits * 1e4)
    assert probabilities(huge)[7] == pytest.approx(1)


def test_top_five(ranked):
    guesses = top_guesses(ranked)
    assert [guess.index for guess in guesses] == [7, 3, 999, 0, 1]
    assert guesses[0].name == ranked.model.ref.spec.classes[7]
    assert guesses[0].logit == 5
    e5, e4, e3 = np.exp([5, 4, 3])
    assert guesses[1].probability == pytest.approx(e4 / (e5 + e4 + e3 + 997))
