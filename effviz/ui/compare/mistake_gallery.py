"""Mistakes that make a map look wrong, each beside the right map, with the line of code that fixes it."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from effviz.explain import sample_photos
from effviz.explain.data_types import Photo
from effviz.explain.images import encode_jpeg
from effviz.explain.map_mistakes import MapMistake, MapView, wrong_and_right
from effviz.explain.overlay import describe_map, overlay
from effviz.i18n import _, current_language, lazy_gettext
from effviz.settings import budget_bytes
from effviz.ui import cache, inputs
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.job_progress import JobProgress
from effviz.zoo import catalogue

MODEL: Final = catalogue.parse_model("lite0")  # its weights are always available
PHOTOS: Final = ("crab", "teacup", "dog", "kitten")  # the object is in the crop, with something beside it
PHOTO: Final = "photo"  # in the address


@dataclass(frozen=True, slots=True)
class Explained:
    """The texts for a mistake; all but the code are marked for translation."""

    title: str  # the symptom, as users describe it
    wrong: str  # caption of the wrong picture
    right: str
    sentence: str
    code: str  # the line that fixes it, for timm and pytorch-grad-cam


EXPLAINED: Final = {
    MapMistake.LAYER: Explained(
        lazy_gettext("The maps of all my photos look alike"),
        lazy_gettext("Read at `conv_head`, before batch norm and activation"),
        lazy_gettext("Read at `bn2`, after the activation"),
        lazy_gettext(
            "Before batch norm and activation, the map also counts values that the activation would set to zero. "
            "It differs from the right map, and maps of different photos become slightly more alike."
        ),
        "cam = GradCAM(model, target_layers=[model.bn2])  # not model.conv_head",
    ),
    MapMistake.CROP: Explained(
        lazy_gettext("The map is next to the object"),
        lazy_gettext("Stretched over the whole photo"),
        lazy_gettext("Placed in the crop that the network saw"),
        lazy_gettext(
            "The network saw only the photo's central square. Stretching the map over the whole photo moves "
            "everything outwards."
        ),
        "heat[top : top + crop, left : left + crop] = cv2.resize(cam, (crop, crop))  # in the resized photo",
    ),
    MapMistake.RANGE: Explained(
        lazy_gettext("Every class seems to be in the photo"),
        lazy_gettext("The fifth guess on its own range"),
        lazy_gettext("The same map, sharing one range with the first guess"),
        lazy_gettext(
            "A map scaled from its own minimum to its own maximum always has a hot spot, however weak the evidence "
            "for the class."
        ),
        "low, high = min(m.min() for m in maps), max(m.max() for m in maps)  # one range for all",
    ),
    MapMistake.UNSEEN: Explained(
        lazy_gettext("The map shows a class that is not in the photo"),
        lazy_gettext("A class that I picked"),
        lazy_gettext("The class that the network predicts"),
        lazy_gettext(
            "Every class has a map, even one that the network considers almost impossible. Print the probability "
            "beside the map."
        ),
        "target = int(logits.argmax())  # or print(logits.softmax(-1)[0, target]) beside the map",
    ),
    MapMistake.NORMALISATION: Explained(
        lazy_gettext("The map is weak or noisy, and the class is often wrong"),
        lazy_gettext("Normalised for a different recipe"),
        lazy_gettext("Normalised as in training"),
        lazy_gettext(
            "Weights are trained with one mean and standard deviation. Normalising with others shifts every input "
            "and changes the evidence. Both maps share one range."
        ),
        "transform = create_transform(**resolve_data_config(model=model))  # timm.data; not ImageNet's by habit",
    ),
    MapMistake.PADDING: Explained(
        lazy_gettext("Converted weights give a different map"),
        lazy_gettext("Symmetric padding"),
        lazy_gettext("SAME padding, as in training"),
        lazy_gettext(
            "TensorFlow's SAME padding puts the odd zero last, while PyTorch pads both sides equally, so the same "
            "weights see a shifted photo. Both maps share one range."
        ),
        'model = timm.create_model("tf_efficientnet_lite0.in1k", pretrained=True)  # tf_: SAME padding',
    ),
    MapMistake.RELU: Explained(
        lazy_gettext("Nothing seems to count against the class"),
        lazy_gettext("Another class, clipped at zero (ReLU)"),
        lazy_gettext("The same class with its sign: red for, blue against"),
        lazy_gettext("Grad-CAM's ReLU makes evidence against the class look like no evidence at all."),
        "heat = (weights[:, None, None] * activations).sum(0)  # no relu; a palette with a middle",
    ),
    MapMistake.SOFTMAX: Explained(
        lazy_gettext("The map is nearly empty, or marks something else"),
        lazy_gettext("Gradient of the probability (softmax)"),
        lazy_gettext("Gradient of the logit"),
        lazy_gettext(
            "A probability also rises when other logits fall, so its map mixes evidence for this class with "
            "evidence against the others. Its gradient also vanishes where the network is confident."
        ),
        "logits[0, target].backward()  # not logits.softmax(-1)[0, target]",
    ),
    MapMistake.SHARP: Explained(
        lazy_gettext("The outline does not follow the object"),
        lazy_gettext("Drawn smoothly"),
        lazy_gettext("Drawn as cells"),
        lazy_gettext(
            "At 224 pixels the last layer has 7 × 7 cells. What looks like an outline is interpolation between their "
            "centres."
        ),
        "heat = cv2.resize(cam, size, interpolation=cv2.INTER_NEAREST)  # shows the cells",
    ),
    MapMistake.NEGATIVE: Explained(
        lazy_gettext("The map marks something, but the logit is negative"),
        lazy_gettext("The least likely class on its own range"),
        lazy_gettext("The same map with its sign"),
        lazy_gettext(
            "The bright spot is where the evidence against the class is weakest. With its sign, the map shows how "
            "strong that evidence is."
        ),
        "print(logits[0, target])  # negative: draw the sign, or say that there is no evidence",
    ),
}

Picture = tuple[bytes, str]  # a drawn map as JPEG, and its alternative text

_PICTURES: SizeBoundedCache[dict[MapMistake, tuple[Picture, Picture]]] = SizeBoundedCache(
    budget_bytes(0.002), lambda pictures: sum(len(jpeg) + 512 for pair in pictures.values() for jpeg, _words in pair)
)


def show() -> None:
    """Show every mistake on one photo."""
    titles = {name: sample_photos.find(name).title for name in PHOTOS}
    photo = cache.sample(inputs.choose_one(_("Photo"), titles, PHOTO, PHOTOS[0]))
    pictures = _pictures(photo)
    for mistake, words in EXPLAINED.items():
        st.header(_("“{words}”").format(words=_(words.title)))
        *columns, text_column = st.columns([3, 3, 5], gap="medium")
        captions = ((":material/close:", _(words.wrong)), (":material/check:", _(words.right)))
        for column, (jpeg, alt), (icon, caption) in zip(columns, pictures[mistake], captions, strict=True):
            column.image(jpeg, alt=f"{caption}. {alt}")
            column.caption(f"{icon} {caption}")
        text_column.markdown(_(words.sentence))
        text_column.code(words.code, language="python", wrap_lines=True)


def _pictures(photo: Photo) -> dict[MapMistake, tuple[Picture, Picture]]:
    """Draw the pairs of wrong and right maps in one turn: four passes and a network built with the wrong padding."""
    key = photo.sha256, current_language()  # the alternative texts are translated
    if pictures := _PICTURES.find(key):
        return pictures
    with JobProgress(1).shown(("map mistakes", photo.sha256), may_stop=False) as work:
        work.next(_("Making the mistakes on purpose"))
        with work.turn(cache.effort(MODEL)):
            return _PICTURES.get(key, lambda: _by_mistake(photo))


def _by_mistake(photo: Photo) -> dict[MapMistake, tuple[Picture, Picture]]:
    forward = cache.forward(MODEL, photo)
    pairs = {mistake: wrong_and_right(mistake, forward) for mistake in EXPLAINED}
    return {mistake: (_picture(photo, pair.wrong), _picture(photo, pair.right)) for mistake, pair in pairs.items()}


def _picture(photo: Photo, view: MapView) -> Picture:
    return encode_jpeg(overlay(photo, view.scaled, view.style)), describe_map(view.scaled.source)
