"""The eight steps of the lesson: the question, the guess, the figure and the finding of each."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import streamlit as st

from effviz.facts import lesson_answers
from effviz.facts.scaling_experiments import STATED_LEAD, compound_leads, single_dimension
from effviz.facts.search_objective import EXPONENT, TARGET_MACS, Objective
from effviz.facts.two_step_search import second_steps
from effviz.i18n import _, lazy_gettext, typeset
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.scaling import PAPER_RULE, ScalingMethod
from effviz.ui.lesson import figures
from effviz.ui.lesson.figures import Guess, Value
from effviz.ui.session import PRESENT
from effviz.zoo.catalogue import model_card
from effviz.zoo.presets import ScalingAxis

BOX_PX, ROOM_BOX_PX = 130, 200  # two choices in a row


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number to guess with a slider."""

    key: str
    label: str  # marked for translation, as is the form
    form: str  # "{value:.1f} points"
    answer: Callable[[], float]
    slider: tuple[float, float, float]  # minimum, maximum, step
    first: float | None = None  # initial position, away from the answer; None: the minimum

    def ask(self, before: Value | None) -> Value:
        """Show the slider."""
        least, most, step = self.slider
        first = next(float(value) for value in (before, self.first, least) if value is not None)
        return st.slider(_(self.label), least, most, first, step, key=f"guess-{self.key}")

    def words(self, value: Value) -> str:
        """Return a guess or the answer with its unit."""
        return _(self.form).format(value=value)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A letter to match with one of the ways of scaling."""

    key: str  # the letter
    answer: Callable[[], str]

    @property
    def label(self) -> str:
        """Return the label of the choice."""
        return lazy_gettext("Map {letter}", letter=self.key)

    def ask(self, before: Value | None) -> Value:
        """Show the choice, with nothing selected at first."""
        roles = [str(role) for role in ScalingAxis]
        place = roles.index(str(before)) if before in roles else None
        label, key, none = _(self.label), f"guess-{self.key}", _("Choose one")
        width = ROOM_BOX_PX if PRESENT.get() else BOX_PX
        return st.selectbox(label, roles, place, self.words, key, placeholder=none, width=width) or ""

    def words(self, value: Value) -> str:
        """Return a guess or the answer as text."""
        return _(AXIS_TITLES[ScalingAxis(str(value))]) if value else _("no guess")


@dataclass(frozen=True, slots=True)
class Step:
    """One screen of the lesson; all texts are marked for translation."""

    name: str
    title: str
    question: str
    asked: tuple[Quantity, ...] | tuple[Pairing, ...]
    show: Callable[[Guess, bool], None]  # draws the figure, before and after the answer is shown
    finding: Callable[[], str]  # returns the conclusion in the visitor's language
    try_this: str
    section: str  # of the Paper page, which has the complete figure
    page: str = ""  # file name of another page for the task
    hint: str = ""  # shown on the screen but not in the handout


def _growth_finding() -> str:
    ways = (ScalingMethod.DEPTH, ScalingMethod.WIDTH, ScalingMethod.RESOLUTION)
    depth, width, resolution = map(lesson_answers.macs_times, ways)
    return _(
        "MACs grow linearly with depth, but with the **square** of width and of resolution: d · w² · r². B0 "
        "actually needs {depth:.2f}, {width:.2f} and {resolution:.2f} times as many: stem, depthwise "
        "convolutions and classifier scale differently."
    ).format(depth=depth, width=width, resolution=resolution)


def _saturation_finding() -> str:
    *_others, before, last = lesson_answers.depth_curve()
    ends = {dot.method: dot.top1_pct for dot in single_dimension()}  # the last point of each curve
    text = _(
        "d = 8 reaches {last:g} %, no more than d = 6, for {more:.0f} % more MACs. Width ends at {width:g} % "
        "and resolution at {resolution:g} %: **scaling a single dimension levels off near 80 %**."
    )
    growth_pct = 100 * (last.macs_billions / before.macs_billions - 1)
    return text.format(last=last.top1_pct, more=growth_pct, width=ends["width"], resolution=ends["resolution"])


def _balance_finding() -> str:
    return _(
        "{lead:.1f} points at {macs:.0f} billion MACs. **For the same MACs, a network is more accurate if it "
        "grows in depth and resolution as well as in width**: the dimensions have to grow together."
    ).format(lead=lesson_answers.balance_lead(), macs=lesson_answers.widest().macs_billions)


def _phi_finding() -> str:
    phi, real = lesson_answers.doubling_phi(), lesson_answers.macs_times_at_phi_1()
    return _(
        "φ = {phi:.2f}, not 1: {alpha:g} · {beta:g}² · {gamma:g}² is **{product:.2f}, not 2**, because the "
        "paper only requires a product of about 2. The actual network at φ = 1 costs {real:.2f} times as much "
        "as B0: its blocks are rounded up."
    ).format(
        phi=phi,
        alpha=PAPER_RULE.alpha,
        beta=PAPER_RULE.beta,
        gamma=PAPER_RULE.gamma,
        product=PAPER_RULE.constraint,
        real=real,
    )


def _objective_finding() -> str:
    return _(
        "{points:.1f} points: twice the MACs must bring {factor:.3f} times the accuracy. **The exponent sets "
        "the price of MACs**: the closer it is to 0, the less they cost."
    ).format(points=lesson_answers.points_for_twice_the_macs(), factor=Objective().doubling)


def _steps_finding() -> str:
    last, times = second_steps()[-1], lesson_answers.largest_times_baseline()
    return _(
        "{times:.0f} times: **search where training is cheap, then use φ to scale the result up**. The published "
        "coefficients do not follow φ exactly: {name} has a depth of {depth:g}, but the formula gives {formula:.2f}."
    ).format(times=times, name=last.name, depth=last.published.depth, formula=last.formula.depth)


def _maps_finding() -> str:
    sides = [model_card(ref).map_px for ref in figures.PRESET.refs]
    return _(
        "A larger input gives a finer map: {fine} × {fine} cells instead of {coarse} × {coarse}. **Part of the “more "
        "detail” is that grid.** The networks in the paper's Figure 7 were never released; these were scaled much less."
    ).format(coarse=min(sides), fine=max(sides))


def _results_finding() -> str:
    dot, lead = compound_leads()[-1]
    params, macs = lesson_answers.printed_params_ratio("GPipe"), lesson_answers.printed_macs_ratio("ResNeXt-101")
    return _(
        "**{params:g} times the parameters and {macs:g} times the MACs**, at about the same accuracy. The paper "
        "reports gains of up to {stated:g} points over scaling one dimension; Figure 8 shows {lead:.1f} at {name}."
    ).format(params=params, macs=macs, stated=STATED_LEAD, lead=lead, name=dot.label)


_POINTS = lazy_gettext("{value:.1f} points")
_TIMES, _WHOLE_TIMES = lazy_gettext("{value:.2f} times"), lazy_gettext("{value:.0f} times")

STEPS: Final = (
    Step(
        "growth",
        lazy_gettext("Three ways to grow a network"),
        lazy_gettext(
            "You can give a network more blocks (**depth**), more channels (**width**) or a larger input "
            "(**resolution**). If you double one of them in B0, how many times as many multiply-adds (MACs; the "
            "paper calls them FLOPs) does it need?"
        ),
        tuple(
            Quantity(method.value, label, _TIMES, partial(lesson_answers.macs_times, method), (1.0, 8.0, 0.1))
            for method, label in (
                (ScalingMethod.DEPTH, lazy_gettext("MACs at twice the depth (times B0's)")),
                (ScalingMethod.WIDTH, lazy_gettext("MACs at twice the width (times B0's)")),
                (ScalingMethod.RESOLUTION, lazy_gettext("MACs at twice the resolution (times B0's)")),
            )
        ),
        figures.show_growth,
        _growth_finding,
        lazy_gettext("In Figure 2, find the width and the resolution that cost as much as doubling the depth."),
        "figure2",
    ),
    Step(
        "saturation",
        lazy_gettext("Each dimension alone saturates"),
        lazy_gettext(
            "In Figure 3, B0 is made deeper and deeper. The curve is drawn up to d = 6. What accuracy does d = 8 reach?"
        ),
        (
            Quantity(
                "d8",
                lazy_gettext("ImageNet top-1 at d = 8 (%)"),
                lazy_gettext("{value:.1f} %"),
                lambda: lesson_answers.depth_curve()[-1].top1_pct,
                (76.0, 84.0, 0.1),
                first=78.0,
            ),
        ),
        figures.show_saturation,
        _saturation_finding,
        lazy_gettext("In Figure 3, turn on the recomputed costs. How far are the plotted MACs from the actual ones?"),
        "figure3",
        hint=lazy_gettext("The slider moves your mark on the plot."),
    ),
    Step(
        "balance",
        lazy_gettext("Balance: grow the dimensions together"),
        lazy_gettext(
            "Figure 4 makes networks wider and wider. One line starts at B0, another at a B0 that is already twice "
            "as deep and has 1.3 times the resolution. At the MACs of the widest B0, how many points is the second "
            "line ahead?"
        ),
        (
            Quantity(
                "lead",
                lazy_gettext("Lead of the second line (points of top-1)"),
                _POINTS,
                lesson_answers.balance_lead,
                (0.0, 6.0, 0.1),
            ),
        ),
        figures.show_balance,
        _balance_finding,
        lazy_gettext(
            "The other two lines start from a B0 that is only deeper or has only a larger input. Which ends "
            "higher, and why?"
        ),
        "figure4",
    ),
    Step(
        "phi",
        lazy_gettext("One number: φ"),
        lazy_gettext(
            "Compound scaling sets all three with one coefficient φ: depth ${alpha:g}^φ$, width ${beta:g}^φ$, "
            "resolution ${gamma:g}^φ$. MACs grow with d · w² · r². At which φ does this rule double the MACs?",
            **asdict(PAPER_RULE),
        ),
        (Quantity("phi", "φ", "φ = {value:.2f}", lesson_answers.doubling_phi, (0.0, 4.0, 0.05)),),
        figures.show_phi,
        _phi_finding,
        lazy_gettext("On the Scale page, drag φ slowly from 0 to 1: where does the network jump, and what grew there?"),
        "search",
        "scale",
    ),
    Step(
        "objective",
        lazy_gettext("Where the baseline comes from"),
        lazy_gettext(
            "B0 was found by a search that rewards accuracy × (FLOPs / {target:.0f} million) to the power of "
            "{exponent}. If a network needs twice B0's MACs, how many points more accurate must it be to earn the "
            "same reward?",
            target=TARGET_MACS / 1e6,
            exponent=typeset(f"{EXPONENT:g}"),
        ),
        (
            Quantity(
                "points",
                lazy_gettext("Required gain over B0 (points of top-1)"),
                _POINTS,
                lesson_answers.points_for_twice_the_macs,
                (0.0, 12.0, 0.1),
            ),
        ),
        figures.show_objective,
        _objective_finding,
        lazy_gettext(
            "Set the exponent to 0, then to −0.3. Which network wins when MACs cost nothing, and which when they "
            "are expensive?"
        ),
        "objective",
    ),
    Step(
        "steps",
        lazy_gettext("Step 1 searches with a small network, step 2 scales it up"),
        lazy_gettext(
            "Step 1 trains many networks close to B0 to choose α, β and γ. Step 2 keeps these fixed and raises φ, "
            "up to B7. Why not search with B7 itself? Guess how many times B0's MACs it needs for one photo."
        ),
        (
            Quantity(
                "b7",
                lazy_gettext("MACs of B7 (times B0's)"),
                _WHOLE_TIMES,
                lesson_answers.largest_times_baseline,
                (1.0, 200.0, 1.0),
            ),
        ),
        figures.show_steps,
        _steps_finding,
        lazy_gettext(
            "In the section Two steps, find the grid points that double the MACs according to the formula, and "
            "those that actually do."
        ),
        "search",
    ),
    Step(
        "maps",
        lazy_gettext("What the networks look at"),
        lazy_gettext(
            "Five networks look at two photos: a baseline, a deeper one, one wider as well, the baseline with a larger "
            "input, and one with all three. The maps mark the evidence for each network's answer. Whose are they?"
        ),
        tuple(Pairing(letter, partial(figures.role_of, letter)) for letter in figures.LETTERS),
        figures.show_live_maps,
        _maps_finding,
        lazy_gettext("Compare the five networks on a photo of your own. Do the clues you used still hold?"),
        "figure7",
        "compare",
    ),
    Step(
        "results",
        lazy_gettext("What compound scaling achieved"),
        lazy_gettext(
            "Table 2 compares each EfficientNet with older networks of about the same accuracy. How many times the "
            "parameters of B7 does GPipe have? How many times the MACs of B3 does ResNeXt-101 need?"
        ),
        (
            Quantity(
                "gpipe",
                lazy_gettext("Parameters of GPipe (times B7's)"),
                lazy_gettext("{value:.1f} times"),
                lambda: lesson_answers.printed_params_ratio("GPipe"),
                (1.0, 30.0, 0.1),
            ),
            Quantity(
                "resnext",
                lazy_gettext("MACs of ResNeXt-101 (times B3's)"),
                _WHOLE_TIMES,
                lambda: lesson_answers.printed_macs_ratio("ResNeXt-101"),
                (1.0, 40.0, 1.0),
            ),
        ),
        figures.show_results,
        _results_finding,
        lazy_gettext("On the Trade-off page, add newer families. Which of them outperform the EfficientNets today?"),
        "results",
        "tradeoff",
    ),
)
