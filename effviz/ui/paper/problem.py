"""Sections 3.1 and 3.2: the best network within memory and FLOPs, as a budget that can be moved."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from effviz.facts import PaperVersion
from effviz.facts.curves import scaled_network
from effviz.facts.within import best_within
from effviz.plots.feasible import SCARCE, edge, roof
from effviz.plots.saturation import METHODS
from effviz.scaling import Plan, ScalingMethod
from effviz.scaling.blocks import BASE_RESOLUTION_PX
from effviz.scaling.feasible import MEGABYTE, Limits, Pick, Scarce, memory_bytes, pick, region
from effviz.scaling.feasible import edge as edge_at
from effviz.ui import choices, outputs
from effviz.ui.components.networks import networks
from effviz.ui.paper.exhibit import Column, exhibit, numbers
from effviz.words import _
from effviz.zoo.presets import Role

MACS, MEMORY, CUT, STAGES = "macs", "memory", "cut", "stages"
BILLIONS = (0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 30.0, 40.0)
MEGABYTES = (32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1000)
FIRST = (2.0, 80)  # at the first visit; each limit then stops two of the four ways
COMPUTED = "computed by EffViz with the official code's rounding"


def show() -> None:
    """Draw the section."""
    st.markdown(
        _(
            "A ConvNet $\\mathcal N$ is a chain of stages. Stage $i$ repeats one layer $\\mathcal F_i$, $L_i$ times, "
            "on a map of $H_i × W_i$ cells and $C_i$ channels. Scaling keeps every $\\mathcal F_i$ and changes only "
            "how often (d), how wide (w) and how fine (r)."
        )
    )
    st.latex(r"\mathcal N = \bigodot_{i=1 \ldots s} \mathcal F_i^{L_i}\big(X_{\langle H_i, W_i, C_i \rangle}\big)")
    limits = _limits()
    _equation(limits)
    picks = {Role(method.value): pick(limits, method) for method in ScalingMethod}
    plans = {Role.BASELINE: scaled_network(), **{role: picks[role].plan for role in METHODS if role in picks}}
    st.subheader(_("What fits"))
    _region(limits, plans)
    st.subheader(_("What each way of scaling picks"))
    _picks(limits, picks, plans)
    st.subheader(_("A cut through what fits"))
    _cut(limits, plans)
    st.subheader(_("The chain, stage by stage"))
    _stages(plans)


def _limits() -> Limits:
    left, right = st.columns(2)
    billions = left.select_slider(
        _("MACs at most (billion)"),
        BILLIONS,
        FIRST[0],
        key=MACS,
        bind="query-params",
        help=_("The paper's FLOPs: multiply-adds for one picture. B0 needs 0.386."),
    )
    megabytes = right.select_slider(
        _("Memory at most (MB)"),
        MEGABYTES,
        FIRST[1],
        key=MEMORY,
        bind="query-params",
        help=_(
            "Weights, and activations at their peak, for one picture in float32; B0 needs 27.2. The paper does not "
            "define its Memory(N), so this reading is ours."
        ),
    )
    return Limits(billions * 1e9, megabytes * MEGABYTE)


def _equation(limits: Limits) -> None:
    st.latex(
        r"\begin{aligned} \max_{d, w, r} \quad & \mathrm{Accuracy}\big(\mathcal N(d, w, r)\big) \\"
        rf" \text{{with}} \quad & \mathrm{{Memory}}(\mathcal N) \le {limits.memory_bytes / MEGABYTE:g}\,\text{{MB}} \\"
        rf" & \mathrm{{FLOPs}}(\mathcal N) \le {limits.macs / 1e9:g} \cdot 10^9 \end{{aligned}}"
    )
    outputs.sources((_("paper, sections 3.1 and 3.2, Eq. 1 and 2"), PaperVersion.V5.url))


def _region(limits: Limits, plans: Mapping[Role, Plan]) -> None:
    st.markdown(
        _(
            "Every network below the roof fits. Depth alone climbs straight up, width and resolution alone walk along "
            "the floor to its edge; compound scaling reaches the roof in between. Drag to turn it."
        )
    )
    mesh = region(limits)
    rows = pd.DataFrame(
        [
            {
                "width": of.width,
                "resolution": of.resolution,
                "resolution_px": of.resolution_px,
                "deepest": of.depth,
                "stopped_by": str(of.stopped_by),
                "source": COMPUTED,
            }
            for row in mesh
            for of in row
        ]
    )
    alt = _(
        "Surface of the largest depth over width and resolution: up to d = {depth:.2f} at w = r = 1, w = {width:.2f} "
        "and r = {resolution:.2f} at d = 1."
    ).format(
        depth=plans[Role.DEPTH].depth,
        width=plans[Role.WIDTH].width,
        resolution=plans[Role.RESOLUTION].resolution / BASE_RESOLUTION_PX,
    )
    exhibit("region", roof(mesh, plans), rows, alt)
    st.caption(
        _("Computed by EffViz: channels are multiples of 8 and blocks are whole, so the real roof has small steps.")
    )


def _picks(limits: Limits, picks: Mapping[Role, Pick], plans: Mapping[Role, Plan]) -> None:
    st.markdown(
        _(
            "Accuracy cannot be computed, only trained. Each way takes the largest network that fits; the last columns "
            "show the best one on its curve in Figure 8 that the authors did train and that fits too."
        )
    )
    rows = pd.DataFrame([_row(limits, role, of, picks.get(role)) for role, of in plans.items()])
    columns: dict[str, Column] = {
        "network": _("What grows"),
        "depth": ("d", "%.2f"),
        "width": ("w", "%.2f"),
        "resolution": ("r", "%.2f"),
        "macs_billions": (_("MACs, recomputed (billion)"), "%.3f"),
        "weights_mb": (_("Weights (MB)"), "%.1f"),
        "activations_mb": (_("Activations (MB)"), "%.1f"),
        "memory_mb": (_("Memory (MB)"), "%.1f"),
        "stopped_by": _("What stops it"),
        "trained": _("Trained in the paper, fits"),
        "trained_top1_pct": (_("Its top-1, printed (%)"), "%.1f"),
    }
    numbers("problem", rows, columns)
    st.caption(
        _("Top-1: dots of Figure 8, which kept the accuracies of v1. That they fit is judged by EffViz's own counts.")
    )
    caption = _(
        "The same networks drawn to one scale: a bar is a block, its length the channels, the square the input. Solid "
        "is what B0 has, tinted what scaling added."
    )
    networks(plans, caption, key="problem-networks")


def _row(limits: Limits, role: Role, of: Plan, found: Pick | None) -> dict[str, object]:
    memory = memory_bytes(of)
    # The baseline is the only network of the compound curve within its own costs.
    dot = best_within(limits, found.method) if found else best_within(Limits(of.macs, memory), ScalingMethod.COMPOUND)
    return {
        "network": _(METHODS[role]),
        "depth": of.depth,
        "width": of.width,
        "resolution": of.resolution / BASE_RESOLUTION_PX,
        "resolution_px": of.resolution,
        "macs_billions": of.macs / 1e9,
        "weights_mb": (memory - of.peak_activation_bytes) / MEGABYTE,
        "activations_mb": of.peak_activation_bytes / MEGABYTE,
        "memory_mb": memory / MEGABYTE,
        "stopped_by": "" if found is None else _stop(found.stopped_by),
        "trained": dot.label,
        "trained_top1_pct": dot.top1_pct,
        "source": f"{COMPUTED}; top-1: {dot.source}",
    }


def _stop(scarce: Scarce | None) -> str:
    return _("EffViz plans no larger one") if scarce is None else _(SCARCE[scarce])


def _cut(limits: Limits, plans: Mapping[Role, Plan]) -> None:
    st.markdown(
        _(
            "At one depth, both limits are lines: memory grows mostly with width (weights), MACs with width and "
            "resolution alike. The deeper the network, the less room is left for the other two."
        )
    )
    role = _network(_("Cut at the depth of"), CUT, (Role.BASELINE, Role.COMPOUND, Role.DEPTH), Role.BASELINE)
    depth = plans[role].depth
    st.markdown(_("All networks here have d = {depth:.2f}.").format(depth=depth))
    points = edge_at(limits, depth)
    level = {each: of for each, of in plans.items() if of.depth == depth}
    rows = pd.DataFrame(
        [
            {"depth": depth, "width": of.width, "macs_px": of.macs_px, "memory_px": of.memory_px, "source": COMPUTED}
            for of in points
        ]
    )
    alt = _("Width over resolution at d = {depth:.2f}, with a line for each limit; marked are {networks}.").format(
        depth=depth, networks=", ".join(_(METHODS[each]) for each in level)
    )
    finest = plans[Role.RESOLUTION].resolution / BASE_RESOLUTION_PX
    exhibit("cut-of-region", edge(points, level, finest), rows, alt)


def _stages(plans: Mapping[Role, Plan]) -> None:
    st.markdown(
        _("Each row is a stage: its layer $\\mathcal F_i$, its input, its channels $C_i$ and its repeats $L_i$.")
    )
    role = _network(_("Network"), STAGES, tuple(plans), Role.COMPOUND)
    outputs.stage_table(plans[Role.BASELINE], plans[role])
    outputs.sources((_("paper, Table 1"), PaperVersion.V5.url), (_("rounding: official code"), outputs.OFFICIAL_CODE))


def _network(label: str, key: str, roles: Sequence[Role], first: Role) -> Role:
    """One of the networks, by how it was scaled."""
    return Role(choices.one(label, {str(role): _(METHODS[role]) for role in roles}, key, str(first)))
