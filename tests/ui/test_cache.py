"""Visitors share caches: the same content is computed once, and nothing keeps a dropped model in memory."""

import gc
import io
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from effviz.errors import ImageError
from effviz.evaluate.masking import Masking
from effviz.explain import activation_maps, images
from effviz.explain import forward_pass as passes
from effviz.explain.data_types import ActivationMap, Method, Photo, TargetLayer
from effviz.explain.engines import choose
from effviz.explain.engines.openvino_engine import COPIES_A_PART
from effviz.explain.overlay import OverlayStyle, Scale, rescale
from effviz.explain.targets import TOP1, Target, TargetKind
from effviz.ui import cache
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import sanity_check
from effviz.ui.compare.faithfulness import FaithfulnessRequest
from effviz.ui.compare.map_cells import Entrant, MapCell
from effviz.zoo import catalogue, checkpoints, loading, state_dicts
from effviz.zoo.catalogue import parse_model
from effviz.zoo.model import Model, WeightsOrigin

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
OWL = (SAMPLES / "owl.jpg").read_bytes()
REF = parse_model("lite0@64")


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"_PHOTOS": 2**28, "_MODELS": 2**28, "_PASSES": 2**24, "_MAPS": 2**20, "_SAME": 2**20, "_PICTURES": 2**24}
    for name, most in bounds.items():
        monkeypatch.setattr(cache, name, SizeBoundedCache(most, getattr(cache, name)._values.getsizeof))


@pytest.fixture
def cat() -> Photo:
    return images.read((SAMPLES / "cat.jpg").read_bytes(), "cat.jpg")


def with_other_weights(model: Model) -> Model:
    return replace(model, weights=replace(model.weights, sha256="other"))


def counted(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[object]:
    calls: list[object] = []
    original = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given: calls.append(given) or original(*given))
    return calls


def test_the_same_picture_under_another_name_is_passed_once(cat: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = counted(monkeypatch, passes, "forward")
    tom = replace(cat, name="tom.jpg")
    first, second = cache.forward(REF, cat), cache.forward(REF, tom)
    assert len(runs) == 1
    assert first.features is second.features
    assert (first.photo.name, second.photo.name) == ("cat.jpg", "tom.jpg")
    found = [cache.activation_map(REF, photo, TOP1, Method.CAM, TargetLayer.LAST) for photo in (cat, tom)]
    assert [entry.photo for entry in found] == ["cat.jpg", "tom.jpg"]
    assert found[0].values is found[1].values


@pytest.mark.parametrize("change", ["weights", "engine", "photo"])
def test_other_content_is_passed_again(change: str, cat: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = counted(monkeypatch, passes, "forward")
    cache.forward(REF, cat)
    if change == "engine":
        monkeypatch.setenv("EFFVIZ_ENGINE", "torch")
    elif change == "photo":
        cat = images.read((SAMPLES / "dog.jpg").read_bytes(), "cat.jpg")
    else:
        other = with_other_weights(cache.model(REF.label))
        monkeypatch.setattr(cache, "_loaded", lambda *_: other)
    cache.forward(REF, cat)
    assert len(runs) == 2


def test_a_model_that_is_replaced_while_its_map_is_made_has_no_map_of_the_other(
    cat: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two networks have the same shape and name, and the second replaces the first at some point."""
    first = cache.model(REF.label)
    second = with_other_weights(first)
    for before in (1, 2, 3):  # how often the first is still returned
        wanted = (REF, cat, Target(TargetKind.CLASS, before), Method.CAM, TargetLayer.LAST)
        answers = chain(repeat(first, before), repeat(second))
        monkeypatch.setattr(cache, "_loaded", lambda *_, answers=answers: next(answers))
        cache.activation_map(*wanted)
        for known in (first, second):
            monkeypatch.setattr(cache, "_loaded", lambda *_, known=known: known)
            assert cache.activation_map(*wanted).weights_sha256 == known.weights_sha256


def test_what_is_kept_of_a_map_is_kept_for_its_weights(cat: Photo) -> None:
    """Networks of the same shape and name never share results of masking, breaking or drawing."""
    found = cache.map_of_class(REF, cat, 5, Method.CAM)
    other = replace(found, weights_sha256="b" * 64)
    ours, theirs = (
        MapCell(cache.bundled("cat"), Entrant(catalogue.model_card(REF), None, "", ""), each, (), 0.0)
        for each in (found, other)
    )
    request = FaithfulnessRequest((ours, theirs), Masking())
    assert request.key_of(ours) != request.key_of(theirs)
    assert sanity_check._key(ours) != sanity_check._key(theirs)


def test_maps_of_other_targets_methods_and_layers_are_their_own(cat: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = counted(monkeypatch, activation_maps, "activation_map")
    asked = [
        (TOP1, Method.CAM, TargetLayer.LAST),
        (Target(TargetKind.CLASS, 5), Method.CAM, TargetLayer.LAST),
        (TOP1, Method.EIGENCAM, TargetLayer.LAST),
        (TOP1, Method.EIGENCAM, TargetLayer.STRIDE_8),
    ]
    found: list[ActivationMap] = [cache.activation_map(REF, cat, *each) for each in (*asked, *asked)]
    assert len(runs) == 4
    assert [(entry.method, entry.layer) for entry in found[:4]] == [each[1:] for each in asked]
    assert found[1].target_index == 5
    assert np.array_equal(found[0].values, found[4].values)


def test_a_checkpoint_that_was_replaced_is_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = counted(monkeypatch, loading, "weights")
    monkeypatch.setattr(checkpoints, "load", lambda _: (state_dicts.draw_untrained(REF.spec.plan), "sha256"))
    for sha256 in ("before", "before", "now"):  # as in the manifest
        spec = replace(REF.spec, origin=WeightsOrigin.CHECKPOINT, sha256=sha256)
        monkeypatch.setattr(catalogue, "parse_model", lambda _, spec=spec: replace(REF, spec=spec))
        cache.model("any")
    assert len(loaded) == 2


def test_other_weights_and_engines_have_other_pictures_and_groups(cat: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    alike = counted(monkeypatch, activation_maps, "group_identical")
    cache.same_maps(REF, cat, 5)
    cache.same_maps(REF, cat, 5)
    assert len(alike) == 1
    (scaled_map,) = rescale([cache.map_of_class(REF, cat, 5, Method.CAM)], Scale.OWN)
    before = cache.picture(cat, scaled_map, OverlayStyle())
    assert cache.picture(cat, replace(scaled_map), OverlayStyle()) is before
    changed = replace(scaled_map, values=scaled_map.values[::-1].copy())
    assert cache.picture(cat, changed, OverlayStyle()) != before
    other = with_other_weights(cache.model(REF.label))
    monkeypatch.setattr(cache, "_loaded", lambda *_: other)
    cache.same_maps(REF, cat, 5)
    assert len(alike) == 2


def test_pictures_are_bounded_in_bytes(cat: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_PICTURES", SizeBoundedCache(10_000, len))
    for longest_px in (64, 65, 66, 512):
        cache.thumbnail(cat, longest_px)
    assert 0 < cache._PICTURES.size_bytes <= 10_000


def test_most_goes_when_the_last_visitor_leaves_and_nothing_before(cat: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_HERE", {"one", "other"})
    monkeypatch.setattr(cache, "IDLE_BYTES", 0)
    kept = (cache._PHOTOS, cache._PASSES, cache._MAPS, cache._PICTURES)
    cache.map_of_class(REF, cat, 0, Method.CAM)
    cache.thumbnail(cache.bundled("cat").open(), 64)
    cache._leave("one")
    cache._leave("one")
    assert all(values.size_bytes > 0 for values in kept)
    cache._leave("other")
    assert all(values.size_bytes == 0 for values in kept)


def test_who_arrives_after_the_page_was_closed_keeps_nothing(cat: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_HERE", {"closed", "open", "last"})
    monkeypatch.setattr(cache, "IDLE_BYTES", 0)
    open_pages = {"open", "last"}
    monkeypatch.setattr(cache.Runtime, "exists", lambda: True)
    monkeypatch.setattr(cache.Runtime, "instance", lambda: SimpleNamespace(is_active_session=open_pages.__contains__))
    cache.map_of_class(REF, cat, 0, Method.CAM)
    cache._leave("last")
    assert {"open"} == cache._HERE
    assert cache._MAPS.size_bytes > 0
    open_pages.clear()
    cache._HERE.add("closed")  # again
    cache._leave("open")
    assert cache._MAPS.size_bytes == 0


@pytest.mark.parametrize(
    ("data", "readable"), [((SAMPLES / "owl.jpg").read_bytes(), True), (b"no photo at all", False)]
)
def test_a_visitors_photo_is_decoded_once_and_in_a_turn(data: bytes, readable: bool) -> None:
    taken: list[str] = []

    @contextmanager
    def turn() -> Iterator[Callable[[], None]]:
        taken.append("begun")
        yield lambda: None
        taken.append("over")

    for _again in range(3):
        with nullcontext() if readable else pytest.raises(ImageError, match=r"^mine\.jpg is not an image"):
            assert cache.own(data, "mine.jpg", turn).open().rgb.ndim == 3
    assert taken == ["begun", "over"][: 1 + readable]


def test_a_large_photo_is_kept_as_large_as_a_page_shows_it() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4500, 3000), "orange").save(buffer, "JPEG")
    photo = cache.own(buffer.getvalue(), "large.jpg").open()
    assert (photo.width, photo.height) == (2000, 1333)


def test_a_dropped_model_leaves_the_memory(cat: Photo) -> None:
    cache.activation_map(REF, cat, TOP1, Method.CAM, TargetLayer.LAST)
    model = weakref.ref(cache.model(REF.label).weights)
    cache._MODELS._values.clear()
    gc.collect()
    assert model() is None
    assert cache._PASSES.size_bytes > 0


def test_the_bytes_of_a_pass_by_hand(cat: Photo) -> None:
    kept = cache.forward(REF, cat).arrays
    assert kept.nbytes == 3 * 64 * 64 + 4 * (1280 * 2 * 2 + 1000)


# 4,652,008 parameters (timm), 42,016 statistics and 56 counters of batch norm, 4 bytes each (counters 8).
ONCE = 4 * (4_652_008 + 42_016)


def test_a_model_counts_with_its_compiled_parts_its_sizes_and_its_module(cat: Photo) -> None:
    cache.model(REF.label)
    # tensors, the network built from them, a compiled part
    assert cache._MODELS.size_bytes == pytest.approx((2 + COPIES_A_PART) * ONCE, rel=1e-3)
    cache.activation_map(REF, cat, TOP1, Method.ABLATIONCAM, TargetLayer.STRIDE_2)  # up to the stage, and onwards
    cache._MODELS.recount()
    assert cache._MODELS.size_bytes == pytest.approx((2 + 3 * COPIES_A_PART) * ONCE, rel=1e-3)
    cache.model("lite0@96")
    assert cache._MODELS.size_bytes == pytest.approx((2 + 4 * COPIES_A_PART) * ONCE, rel=1e-3)
    cache.activation_map(REF, cat, TOP1, Method.GRADCAM, TargetLayer.STRIDE_8)
    cache._MODELS.recount()
    assert cache._MODELS.size_bytes == pytest.approx((3 + 4 * COPIES_A_PART) * ONCE, rel=1e-3)


def test_a_model_that_makes_room_counts_what_the_others_have_become(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MODELS", SizeBoundedCache(8.5 * ONCE, cache._held_bytes))
    grown = cache.model("lite0@64")
    cache.model("scaled-lite-d1-w1@64")
    list(choose(grown).engine.many(()))
    cache.model("lite0@64")
    # 5.6 + 3.8 + 3.8 copies are too many: the longest unused goes, then the grown one. The new one rounds to Lite0.
    cache.model("scaled-lite-d1-w1.0001@64")
    assert cache._MODELS.size_bytes == pytest.approx((2 + COPIES_A_PART) * ONCE, rel=1e-3)


def test_progress_reaches_the_slow_method(cat: Photo) -> None:
    told: list[float] = []
    cache.activation_map(REF, cat, TOP1, Method.SCORECAM, TargetLayer.STRIDE_8, told.append)
    assert told
    assert told[-1] <= 1
