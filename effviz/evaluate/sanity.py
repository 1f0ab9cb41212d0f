"""Whether a map depends on what the model learnt, and on the class that is asked for.

A method whose map stays the same when the weights are drawn at random shows edges of the photo, not the model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from effviz import packages
from effviz.errors import SettingsError
from effviz.evaluate.agreement import spearman
from effviz.evaluate.masking import enlarged
from effviz.evaluate.similarity import ssim
from effviz.explain import channelwise
from effviz.explain.forward import forward as run
from effviz.explain.maps import activation_map
from effviz.explain.methods import METHODS
from effviz.explain.placement import Doubles
from effviz.explain.results import ActivationMap, Floats, Forward, Method, Photo
from effviz.explain.targets import Target, resolve
from effviz.words import _
from effviz.zoo.model import Model

TRAINED = "trained"  # the first entry: nothing is broken yet
COMPARED_PX = 64  # maps are compared at this size, whatever their grid


@dataclass(frozen=True, slots=True, eq=False)
class Broken:
    """The map of a model whose weights are random from the top down to a part, beside the trained model's."""

    stage: str  # "trained", "classifier", "head", "stage 7" ... "stage 1", "stem": the part broken last
    map: ActivationMap
    spearman: float  # rank correlation with the trained model's map, -1..1; nan when a map is the same everywhere
    ssim: float  # structural similarity of both maps, each from 0 to 1, 1 when they are equal


@dataclass(frozen=True, slots=True, eq=False)
class OtherClass:
    """The map of a class drawn at random, beside that of the class asked for."""

    map: ActivationMap
    spearman: float
    ssim: float


def cascade(model: Model, photo: Photo, target: Target | int, method: Method, seed: int = 0) -> Iterator[Broken]:
    """Yield the map as the network is broken from the top, beginning with the whole one.

    Cascading randomisation (Adebayo et al. 2018, https://arxiv.org/abs/1810.03292, section 4): convolutions and the
    classifier get normal random numbers with the spread of the trained ones, biases zero. Batch norms keep their
    statistics and factors: without them each map is a constant. All is done to a private copy of the model, which is
    gone when the caller stops; the class stays that of the whole model. A part's input does not change when what
    follows it is broken, so each pass begins there.

    Raises:
        TargetError: the model has no such class.
        SettingsError: the method runs the network hundreds of times; choose another one.
    """
    check(method)
    yield from cascade_from(run(model, photo), target, method, seed)


def cascade_from(whole: Forward, target: Target | int, method: Method, seed: int = 0) -> Iterator[Broken]:
    """Do the same from a pass of the whole network that is there already."""
    check(method)
    index = resolve(target, whole)
    first = activation_map(whole, index, method)
    yield Broken(TRAINED, first, 1.0, 1.0)
    packages.need(*packages.TORCH)
    from effviz.evaluate import randomised  # here: it loads torch

    for stage, passed in randomised.passes(whole, seed):
        yield Broken(stage, *_compared(first, activation_map(passed, index, method)))


def random_logit(forward: Forward, target: Target | int, method: Method, seed: int = 0) -> OtherClass:
    """Compare a map with that of another class, drawn at random (Sixt et al. 2020, https://arxiv.org/abs/1912.09818).

    Much alike means that the method does not say what tells this class from others. Each photo has a draw of its own:
    the mean over photos is one over other classes, too.

    Raises:
        TargetError: the model has no such class.
    """
    index = resolve(target, forward)
    others = np.delete(np.arange(len(forward.logits)), index)
    other = int(np.random.default_rng([seed, int(forward.photo.sha256, 16)]).choice(others))
    maps = (activation_map(forward, which, method) for which in (index, other))
    return OtherClass(*_compared(*maps))


def check(method: Method) -> None:
    """See beforehand that a method is quick enough to be made anew for each broken network.

    Raises:
        SettingsError: it is not.
    """
    if method in channelwise.METHODS and not METHODS[method].closed_form:
        raise SettingsError(
            _(
                "{method} runs the network hundreds of times for each of a dozen broken networks: the check would take "
                "minutes. Choose a method that needs one pass."
            ).format(method=_(METHODS[method].title))
        )


def _compared(first: ActivationMap, other: ActivationMap) -> tuple[ActivationMap, float, float]:
    ranks = spearman(first.values.astype(np.float64), other.values.astype(np.float64))
    return other, ranks, ssim(_stretched(first.values), _stretched(other.values))


def _stretched(values: Floats) -> Doubles:
    large = enlarged(values, COMPARED_PX)
    spread = float(np.ptp(large))
    return (large - large.min()) / spread if spread > 0 else np.zeros_like(large)
