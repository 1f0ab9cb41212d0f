import dataclasses
import io
import json
import time

import numpy as np

from effviz.explain.data_types import Box
from effviz.report.session_archive import maps_npz


def test_the_maps_come_back_bit_by_bit_under_names_that_say_what_they_are(make_map):
    named = [
        ("my dog/1.jpg", "lite0@224", "Dog"),
        ("my dog/1.jpg", "lite0@224", "Cat, tabby"),
        ("Ж", "lite0@224", "Dog"),
    ]
    named += [("my dog/1.jpg", "lite0@224", "Cat, tabby"), ("my dog/1.jpg", "lite2@260", "Dog")]
    maps = [
        dataclasses.replace(
            make_map(np.random.default_rng(n).normal(size=(7 + n, 7))), photo=photo, model=model, target_name=of
        )
        for n, (photo, model, of) in enumerate(named)
    ]
    keys = [
        "my_dog_1.jpg__lite0@224",
        "my_dog_1.jpg__lite0@224__Cat_tabby",
        "Ж__lite0@224",
        "my_dog_1.jpg__lite0@224__Cat_tabby__2",
        "my_dog_1.jpg__lite2@260",
    ]
    with np.load(io.BytesIO(maps_npz(maps)), allow_pickle=False) as file:
        assert file.files == ["facts", *keys]
        assert [fact["key"] for fact in json.loads(str(file["facts"]))] == keys
        for key, entry in zip(keys, maps, strict=True):
            np.testing.assert_array_equal(file[key], entry.values)
            assert file[key].dtype == np.float32


def test_each_map_says_what_made_it(make_map):
    made = make_map([[1.0, -2.0]], Box(1, 2, 3, 4), bias=0.25, photo="Ж.jpg")
    with np.load(io.BytesIO(maps_npz([made])), allow_pickle=False) as file:
        (facts,) = json.loads(str(file["facts"]))
    assert facts == {
        "key": "Ж.jpg__lite0@224",
        "photo": "Ж.jpg",
        "photo_sha256": "0" * 64,
        "photo_size": [224, 224],
        "model": "lite0@224",
        "weights_sha256": "a" * 64,
        "trained": True,
        "method": "cam",
        "layer": "last",
        "target_index": 235,
        "target_name": "German Shepherd Dog",
        "logit": 7.5,
        "probability": 0.9,
        "bias": 0.25,
        "seen": [1, 2, 3, 4],
        "map_height": 1,
        "map_width": 2,
        "map_min": -2,
        "map_max": 1,
    }


def test_the_same_maps_give_the_same_bytes_at_any_time(make_map, monkeypatch):
    first = maps_npz([make_map(np.eye(7))])
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(3e9))
    assert maps_npz([make_map(np.eye(7))]) == first
