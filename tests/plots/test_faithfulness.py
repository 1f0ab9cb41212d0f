"""Deletion is above insertion, each with a random map."""

import numpy as np

from effviz.evaluate.faithfulness import DeletionInsertion, ProbabilityCurve
from effviz.plots.style import LOOKS
from effviz.ui.compare.faithfulness import MaskedModel, curve_rows, deletion_insertion_figure
from effviz.zoo.presets import ScalingAxis


def curve(*probabilities: float) -> ProbabilityCurve:
    return ProbabilityCurve(np.array([0.0, 0.5, 1.0]), np.array(probabilities))


BASELINE = MaskedModel(
    "lite0@224",
    LOOKS[ScalingAxis.BASELINE],
    DeletionInsertion(curve(0.8, 0.2, 0.0), curve(0.0, 0.6, 0.8)),  # areas by hand: 0.3 and 0.5
    DeletionInsertion(curve(0.8, 0.4, 0.0), curve(0.0, 0.3, 0.8)),
)
DEEPER = MaskedModel(
    "lite1@224",
    LOOKS[ScalingAxis.DEPTH],
    DeletionInsertion(BASELINE.own.insertion, BASELINE.own.deletion),
    DeletionInsertion(BASELINE.random.insertion, BASELINE.random.deletion),
)


def test_every_curve_is_in_its_own_half():
    deletion, insertion, random_deletion, random_insertion, _ = deletion_insertion_figure([BASELINE]).data
    assert deletion.x == (0, 50, 100)
    assert deletion.y == (80, 20, 0)
    assert insertion.y == (0, 60, 80)
    assert random_deletion.y == (80, 40, 0)
    assert random_insertion.y == (0, 30, 80)
    assert deletion.yaxis == random_deletion.yaxis == "y"
    assert insertion.yaxis == random_insertion.yaxis == "y2"


def test_what_is_good_stands_beside_the_curves():
    layout = deletion_insertion_figure([BASELINE]).layout
    assert not layout.annotations  # between the halves, the line of the images would cross it
    assert layout.yaxis.title.text == "<b>Deletion: lower is better</b><br>Probability (%)"
    assert layout.yaxis2.title.text == "<b>Insertion: higher is better</b><br>Probability (%)"


def test_the_legend_names_each_model_once_with_its_areas():
    drawn = deletion_insertion_figure([BASELINE, DEEPER])
    assert [trace.name for trace in drawn.data if trace.showlegend is not False] == [
        "lite0@224: areas 0.30 and 0.50",
        "lite1@224: areas 0.50 and 0.30",
        "mean of the random maps",
    ]


def test_models_differ_in_colour_and_mark_and_random_maps_are_dotted():
    drawn = deletion_insertion_figure([BASELINE, DEEPER]).data
    one, other = drawn[0], drawn[4]
    assert one.line.color != other.line.color
    assert one.marker.symbol != other.marker.symbol
    assert (drawn[2].line.dash, drawn[2].mode) == ("dot", "lines")
    assert drawn[2].line.color == one.line.color
    assert one.line.dash != "dot"


def test_the_file_has_every_point_with_its_units():
    rows = curve_rows([BASELINE])
    assert len(rows) == 12  # two maps, two directions, three shares
    assert rows[1] == {
        "model": "lite0@224",
        "map": "its own",
        "way": "deletion",
        "area_changed_pct": 50,
        "probability_pct": 20,
    }
    assert (rows[-2]["map"], rows[-2]["way"], rows[-2]["probability_pct"]) == ("mean of random", "insertion", 30)
