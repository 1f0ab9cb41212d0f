"""The eight steps: what each asks, what is guessed, and what its figure then shows."""

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
    """A number that is guessed on a slider."""

    key: str
    label: str  # for `_`, as is the form
    form: str  # "{value:.1f} points"
    answer: Callable[[], float]
    slider: tuple[float, float, float]  # least, most, step
    first: float | None = None  # where the slider begins, which is not the answer; None: at its least

    def ask(self, before: Value | None) -> Value:
        """Show the slider."""
        least, most, step = self.slider
        first = next(float(value) for value in (before, self.first, least) if value is not None)
        return st.slider(_(self.label), least, most, first, step, key=f"guess-{self.key}")

    def words(self, value: Value) -> str:
        """A guess or the answer, with its unit."""
        return _(self.form).format(value=value)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A letter that is given one of the ways of scaling."""

    key: str  # the letter
    answer: Callable[[], str]

    @property
    def label(self) -> str:
        """What is asked."""
        return lazy_gettext("Map {letter}", letter=self.key)

    def ask(self, before: Value | None) -> Value:
        """Show the choice; nothing is chosen at first."""
        roles = [str(role) for role in ScalingAxis]
        place = roles.index(str(before)) if before in roles else None
        label, key, none = _(self.label), f"guess-{self.key}", _("Choose one")
        width = ROOM_BOX_PX if PRESENT.get() else BOX_PX
        return st.selectbox(label, roles, place, self.words, key, placeholder=none, width=width) or ""

    def words(self, value: Value) -> str:
        """A guess or the answer, as people say it."""
        return _(AXIS_TITLES[ScalingAxis(str(value))]) if value else _("no guess")


@dataclass(frozen=True, slots=True)
class Step:
    """One screen of the lesson; all texts are for `_`."""

    name: str
    title: str
    question: str
    asked: tuple[Quantity, ...] | tuple[Pairing, ...]
    show: Callable[[Guess, bool], None]  # the figure, before and after the answer is shown
    finding: Callable[[], str]  # the one sentence, in the visitor's language
    try_this: str
    section: str  # of the page Paper, where the figure is whole
    page: str = ""  # where else the task leads, by its file's name
    hint: str = ""  # on the screen, not on paper


def _growth_finding() -> str:
    ways = (ScalingMethod.DEPTH, ScalingMethod.WIDTH, ScalingMethod.RESOLUTION)
    depth, width, resolution = map(lesson_answers.macs_times, ways)
    return _(
        "MACs grow with depth, but with the **square** of width and of resolution: d · w² · r². B0 really needs "
        "{depth:.2f}, {width:.2f} and {resolution:.2f} times as many: stem, depthwise convolutions and "
        "classifier grow otherwise."
    ).format(depth=depth, width=width, resolution=resolution)


def _saturation_finding() -> str:
    *_others, before, last = lesson_answers.depth_curve()
    ends = {dot.method: dot.top1_pct for dot in single_dimension()}  # the last dot of each curve
    text = _(
        "d = 8 reaches {last:g} %, no more than d = 6, for {more:.0f} % more MACs. Width ends at {width:g} % and "
        "resolution at {resolution:g} %: **scaling one dimension alone levels off near 80 %**."
    )
    growth_pct = 100 * (last.macs_billions / before.macs_billions - 1)
    return text.format(last=last.top1_pct, more=growth_pct, width=ends["width"], resolution=ends["resolution"])


def _balance_finding() -> str:
    return _(
        "{lead:.1f} points at {macs:.0f} billion MACs. **At the same MACs, a widened network that is also deeper "
        "and sees more pixels is more accurate**: the dimensions have to grow together."
    ).format(lead=lesson_answers.balance_lead(), macs=lesson_answers.widest().macs_billions)


def _phi_finding() -> str:
    phi, real = lesson_answers.doubling_phi(), lesson_answers.macs_times_at_phi_1()
    return _(
        "φ = {phi:.2f}, not 1: {alpha:g} · {beta:g}² · {gamma:g}² is **{product:.2f}, not 2**, because the paper only "
        "asks for a product of about 2. The network that is built for φ = 1 costs {real:.2f} times B0: its blocks are "
        "rounded up."
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
        "{points:.1f} points: twice the MACs have to bring {factor:.3f} times the accuracy. **The exponent is the "
        "price of MACs**: the closer it is to 0, the less they cost."
    ).format(points=lesson_answers.points_for_twice_the_macs(), factor=Objective().doubling)


def _steps_finding() -> str:
    last, times = second_steps()[-1], lesson_answers.largest_times_baseline()
    return _(
        "{times:.0f} times: **search where training is cheap, then let φ carry the result to large networks**. The "
        "published coefficients do not follow φ exactly: {name} has depth {depth:g}, where the formula gives "
        "{formula:.2f}."
    ).format(times=times, name=last.name, depth=last.published.depth, formula=last.formula.depth)


def _maps_finding() -> str:
    sides = [model_card(ref).map_px for ref in figures.PRESET.refs]
    return _(
        "More pixels give a finer map: {fine} × {fine} cells instead of {coarse} × {coarse}. **Part of “more detail” "
        "is that grid.** The paper's Figure 7 shows networks that were never released; these were scaled much less."
    ).format(coarse=min(sides), fine=max(sides))


def _results_finding() -> str:
    dot, lead = compound_leads()[-1]
    params, macs = lesson_answers.printed_params_ratio("GPipe"), lesson_answers.printed_macs_ratio("ResNeXt-101")
    return _(
        "**{params:g} times the parameters and {macs:g} times the MACs**, at about the same accuracy. Against one "
        "dimension alone the paper states up to {stated:g} points more; Figure 8 draws {lead:.1f} at {name}."
    ).format(params=params, macs=macs, stated=STATED_LEAD, lead=lead, name=dot.label)


_POINTS = lazy_gettext("{value:.1f} points")
_TIMES, _WHOLE_TIMES = lazy_gettext("{value:.2f} times"), lazy_gettext("{value:.0f} times")

STEPS: Final = (
    Step(
        "growth",
        lazy_gettext("Three ways to grow a network"),
        lazy_gettext(
            "A network can get more blocks (**depth**), more channels (**width**) or a larger input "
            "(**resolution**). Suppose B0 gets twice as much of one of them. How many times as many multiply-adds "
            "(MACs; the paper calls them FLOPs) does it then need?"
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
        lazy_gettext("In Figure 2, find the width and the resolution that cost as much as twice the depth."),
        "figure2",
    ),
    Step(
        "saturation",
        lazy_gettext("Each dimension alone saturates"),
        lazy_gettext(
            "Figure 3 makes B0 deeper and deeper. The curve shows the networks up to d = 6. What accuracy does "
            "d = 8 reach?"
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
        lazy_gettext("In Figure 3, switch on the recomputed costs: how far are the drawn MACs from the real ones?"),
        "figure3",
        hint=lazy_gettext("The slider places your mark on the plot."),
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
            "Two more lines start from more depth only and from a larger input only: which of them ends higher, "
            "and why?"
        ),
        "figure4",
    ),
    Step(
        "phi",
        lazy_gettext("One number: φ"),
        lazy_gettext(
            "Compound scaling grows all three by one number φ: depth ${alpha:g}^φ$, width ${beta:g}^φ$, resolution "
            "${gamma:g}^φ$. MACs grow with d · w² · r². At which φ does this rule double the MACs?",
            **asdict(PAPER_RULE),
        ),
        (Quantity("phi", "φ", "φ = {value:.2f}", lesson_answers.doubling_phi, (0.0, 4.0, 0.05)),),
        figures.show_phi,
        _phi_finding,
        lazy_gettext("On the page Scale, drag φ slowly from 0 to 1: where does the network jump, and what grew there?"),
        "search",
        "scale",
    ),
    Step(
        "objective",
        lazy_gettext("Where the baseline comes from"),
        lazy_gettext(
            "B0 was found by a search that rewards accuracy × (FLOPs / {target:.0f} million) to the power of "
            "{exponent}. A network needs twice B0's MACs. How many points more accurate than B0 must it be to earn "
            "the same reward?",
            target=TARGET_MACS / 1e6,
            exponent=typeset(f"{EXPONENT:g}"),
        ),
        (
            Quantity(
                "points",
                lazy_gettext("Gain over B0 that it needs (points of top-1)"),
                _POINTS,
                lesson_answers.points_for_twice_the_macs,
                (0.0, 12.0, 0.1),
            ),
        ),
        figures.show_objective,
        _objective_finding,
        lazy_gettext(
            "Move the exponent to 0, then to −0.3: which network wins when MACs cost nothing, and which when they "
            "cost much?"
        ),
        "objective",
    ),
    Step(
        "steps",
        lazy_gettext("Step 1 searches on a small network, step 2 scales up"),
        lazy_gettext(
            "Step 1 trains many networks to choose α, β and γ, all near B0. Step 2 keeps them fixed and raises φ up to "
            "B7. Why not search with B7 itself? Guess how many times B0's MACs it needs for one photo."
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
            "In the section Two steps, see which points of the grid double the MACs by the formula, and which really "
            "do."
        ),
        "search",
    ),
    Step(
        "maps",
        lazy_gettext("What the networks look at"),
        lazy_gettext(
            "Five networks look at two photos: a baseline, one deeper, one wider than that, the baseline with a "
            "larger input, and one with all three. The maps mark what supports each network's answer. Whose are they?"
        ),
        tuple(Pairing(letter, partial(figures.role_of, letter)) for letter in figures.LETTERS),
        figures.show_live_maps,
        _maps_finding,
        lazy_gettext("Compare the five networks on a photo of your own: do the clues that you used still hold?"),
        "figure7",
        "compare",
    ),
    Step(
        "results",
        lazy_gettext("What compound scaling achieved"),
        lazy_gettext(
            "Table 2 puts each EfficientNet beside older networks that are about as accurate. How many times the "
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
        lazy_gettext("On the page Trade-off, add later families: which of them pass the EfficientNets today?"),
        "results",
        "tradeoff",
    ),
)
