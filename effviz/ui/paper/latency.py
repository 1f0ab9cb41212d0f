"""Table 4: latency by the paper's protocol, measured on the server's processor on request."""

import textwrap
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go
import streamlit as st

from effviz import settings
from effviz.evaluate import single_core_latency
from effviz.evaluate.single_core_latency import ChildLimits, Latency, machine, shipped, stored_latencies
from effviz.facts.paper_tables import PaperLatency, PaperVersion, paper_latencies, paper_speedup
from effviz.facts.timm_results import KnownAccuracy, known_accuracy, timm_points
from effviz.i18n import _, lazy_gettext, ngettext
from effviz.plots.paper_curves import CurvePoint, FigureAxis, FigureCurve, Origin, accuracy_axis, draw_curves
from effviz.plots.style import GREY, LOOKS, SERIES, SeriesStyle
from effviz.ui import outputs
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress
from effviz.ui.job_queue import LONG_SHARE, WORK_SHARE, Effort, is_public
from effviz.ui.paper.exhibit import Column, numbers, show_exhibit, table
from effviz.zoo.catalogue import NAMES
from effviz.zoo.presets import ScalingAxis

HEIGHT_PX: Final = 440
_PRINTED: Final = 2  # curves
_TICKS_MS: Final = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
_PRINTED_LOOK: Final = SeriesStyle(GREY, "x", "solid")
OTHERS, LITE = lazy_gettext("Other networks, measured here"), lazy_gettext("EfficientNet-Lite, measured here")
EFFICIENTNETS = lazy_gettext("EfficientNet, measured here")

# Vermilion always marks the paper's EfficientNets; the other series have different looks.
_LOOKS = {EFFICIENTNETS: LOOKS[ScalingAxis.COMPOUND], LITE: SERIES[2], OTHERS: SERIES[3]}

Timed = tuple[Latency, KnownAccuracy]  # a measured network and its accuracy


def series_title(model: str) -> str:
    """Return the series of a measured network."""
    if model.startswith("lite"):
        return LITE
    return EFFICIENTNETS if model[0] == "b" and model[1:].isdigit() else OTHERS


def latency_curves(timed: Sequence[Timed]) -> tuple[FigureCurve, ...]:
    """Return Table 4 and the measured networks, one series per kind."""
    rows = paper_latencies()
    curves = (_measured(title, [pair for pair in timed if series_title(pair[0].model) == title]) for title in _LOOKS)
    return (
        _printed(_("EfficientNet, printed in Table 4"), [row for row in rows if row.name], LOOKS[ScalingAxis.COMPOUND]),
        _printed(_("Other networks, printed in Table 4"), [row for row in rows if not row.name], _PRINTED_LOOK),
        *(curve for curve in curves if curve.dots),
    )


def _printed(title: str, rows: Sequence[PaperLatency], look: SeriesStyle) -> FigureCurve:
    dots = []
    for row in rows:
        source, label = f"{row.source}; {row.conditions}", row.model.removeprefix("EfficientNet-")
        dots.append(CurvePoint(row.model, 1000 * row.latency_s, row.top1_pct, source, label))
    return FigureCurve(title, look, Origin.PRINTED, tuple(dots), joined=False, text_position="top center")


def _measured(title: str, timed: Sequence[Timed]) -> FigureCurve:
    written = {LITE: str.title, EFFICIENTNETS: str.upper}.get(title, str)
    dots = tuple(
        CurvePoint(row.label, row.mean_ms, known.top1_pct, f"{_source(row)}; {known.source}", written(row.model))
        for row, known in timed
    )
    return FigureCurve(_(title), _LOOKS[title], Origin.COMPUTED, dots, joined=False, text_position="bottom center")


def latency_figure(timed: Sequence[Timed]) -> go.Figure:
    """Draw both, with error bars of ± one standard deviation on the open markers."""
    axis = FigureAxis(_("Time for one image on one core"), "ms", log=True)
    chart = draw_curves(latency_curves(timed), axis, accuracy_axis(), HEIGHT_PX)
    ticks = [f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s" for ms in _TICKS_MS]
    chart.update_xaxes(tickvals=_TICKS_MS, ticktext=ticks)
    by_label = {row.label: (row, known) for row, known in timed}
    for trace in chart.data[_PRINTED:]:
        shown = [by_label[data[0]] for data in trace.customdata]
        spreads = [row.spread_ms for row, _known in shown]
        trace.error_x = {"type": "data", "array": spreads, "thickness": 1.5, "width": 4, "color": GREY}
        trace.hovertext = [_hover(*pair) for pair in shown]
    return chart


def _hover(latency: Latency, accuracy: KnownAccuracy) -> str:
    text = _("{mean:.4g} ms, standard deviation {spread:.2g} ms, {runs} runs")
    lines = [
        f"<b>{latency.label}</b>",
        text.format(mean=latency.mean_ms, spread=latency.spread_ms, runs=len(latency.runs_ms)),
        _("{top1:g} % top-1 ({weights})").format(top1=accuracy.top1_pct, weights=accuracy.weights),
    ]
    return "<br>".join([*lines, *textwrap.wrap(_("Time: {source}").format(source=_source(latency)), 60)])


def _source(latency: Latency) -> str:
    text = _("EffViz on {machine}, {software}, {when} UTC")
    return text.format(machine=latency.machine, software=latency.software, when=latency.measured_at)


NETWORKS, MEASURE, BESIDE = "networks", "measure-latency", "beside"
FOUND: Final = "latencies"  # session key: this visitor's measurements, in case the cache folder does not keep them
FIRST: Final = ("resnet152", "b1")
MOST: Final = 8
PUBLIC: Final = ("b0", "b1", "b2", "b3", "b4")  # what visitors of a public server may measure, each at its own size

# Networks of Table 4 that can be built, at the paper's sizes; no library that EffViz uses has GPipe's network.
HERE: Final = {"ResNet-152": "resnet152@224", "EfficientNet-B1": "b1@240", "EfficientNet-B7": "b7@600"}


def show() -> None:
    """Draw the section."""
    text = _(
        "Fewer MACs do not always mean less time, so the paper also timed four networks: one image at a time on one "
        "core, averaged over 20 runs. Here you can repeat the measurement on **this server's** processor."
    )
    st.markdown(text)
    _measure(_choose())
    own = _own_results()
    # A public server without its own times shows those shipped with EffViz; never both, as times differ by machine.
    results = own or (tuple(sorted(shipped(), key=lambda row: row.mean_ms)) if is_public() else ())
    _state(results, own)
    st.subheader(_("Table 4, printed and measured"))
    _table4(results)
    st.subheader(_("Accuracy versus latency"))
    _figure(results)
    if results:
        st.subheader(_("Every network measured on this machine") if own else _("Every network measured elsewhere"))
        _table(results)


def _choose() -> Sequence[str]:
    """Show the picker and return the networks to measure now: none until the visitor clicks Measure."""
    if public := is_public():
        names = list(PUBLIC)
        help = _(
            "This public server allows the paper's networks up to B4. Your own server allows every name that timm "
            "lists."
        )
    else:
        timm_names = {point.architecture.partition(".")[0] for point in timm_points()}
        names = list(dict.fromkeys((*NAMES, *sorted(timm_names))))
        help = _(
            "EfficientNets, Lite networks, and every name that timm lists. For another input size, append @ and a "
            "number, such as b0@320. No weights are needed because the time does not depend on them."
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen: list[str] = st.multiselect(
            _("Networks to measure"),
            names,
            default=[name for name in FIRST if name in names],
            key=NETWORKS,
            accept_new_options=not public,
            max_selections=MOST,
            select_all=False,
            help=help,
        )
        wanted = st.button(_("Measure"), icon=":material/timer:", key=MEASURE, type="primary", disabled=not chosen)
    return [name for name in chosen if not public or name in PUBLIC] if wanted else ()


def _measure(names: Sequence[str]) -> None:
    if not names:
        return
    work = JobProgress(len(names))
    with work.shown(("latency", *names), may_stop=True):
        for name in names:
            work.next(_("{name}: preparing").format(name=outputs.plain(name[:60])))
            with guard():  # a wrong name fails only its own measurement
                latency = _measure_one(work, name)
                st.session_state.setdefault(FOUND, {})[latency.label] = latency


def _measure_one(work: JobProgress, name: str) -> Latency:
    shown = outputs.plain(name)
    most = settings.budget_bytes(WORK_SHARE * LONG_SHARE)  # all of it: other long work would distort the times
    # On your own machine, B7 at 600 px (in Table 4) may use its 1.4 GiB on top of what the caches really hold.
    terms = ChildLimits(most_bytes=most if is_public() else settings.budget_bytes(1), wanted=work.wanted)
    with work.turn(Effort(nbytes=most, long=True), "latency") as progress:

        def step(run: int, runs: int) -> None:
            work.part = run / runs
            work.text = _("{name}: run {run} of {runs}").format(name=shown, run=run + 1, runs=runs)

        # At each beat other jobs may go first, and Streamlit ends this run if the visitor stops it or leaves.
        return single_core_latency.measure_in_child(name, step, lambda: progress(work.part), terms=terms)


def _own_results() -> tuple[Latency, ...]:
    """Return the latencies measured on this machine, fastest first."""
    own: dict[str, Latency] = st.session_state.get(FOUND, {})
    oldest_first = sorted((*own.values(), *stored_latencies(machine())), key=lambda row: row.measured_at)
    by_label = {row.label: row for row in oldest_first}
    return tuple(sorted(by_label.values(), key=lambda row: row.mean_ms))


def _state(results: Sequence[Latency], own: Sequence[Latency]) -> None:
    """Show which machine the times come from and how busy it was."""
    if results and not own:
        text = _("Nothing has been measured on this server yet. These times come from another machine: {machine}.")
        there = _("Other work kept at most {load:.1f} of its cores busy. The latest measurement is from {when} UTC.")
        load, when = max(result.load or 0.0 for result in results), max(result.measured_at for result in results)
        st.info(f"{text.format(machine=outputs.plain(results[0].machine))} {there.format(load=load, when=when)}")
    count = ngettext("{count} network measured so far", "{count} networks measured so far", len(own))
    text = _(
        "This machine: {machine}; {count}, shown to every visitor. Measured with torch, one thread and random weights. "
        "Other work on the machine lengthens the times and increases the standard deviation. On the command line, run "
        "`effviz bench latency`."
    )
    st.caption(text.format(machine=outputs.plain(machine()), count=count.format(count=len(own))))


def _table4(results: Sequence[Latency]) -> None:
    by_label = {latency.label: latency for latency in results}
    here = {row.model: by_label.get(HERE.get(row.model, "")) for row in paper_latencies()}
    rivals = {row.pair: here[row.model] for row in paper_latencies() if not row.name}
    rows = [(row, here[row.model], rivals[row.pair]) for row in paper_latencies()]
    columns: dict[str, Column[tuple[PaperLatency, Latency | None, Latency | None]]] = {
        "network": Column(lambda row: row[0].model, _("Network")),
        "top1_pct_printed": Column(lambda row: row[0].top1_pct, _("Top-1, printed (%)"), "%.1f"),
        "latency_ms_printed": Column(lambda row: 1000 * row[0].latency_s, _("Printed (ms)"), "%.0f"),
        "speedup_printed": Column(lambda row: row[0].speedup_printed, _("Speed-up, printed"), "%.1f×"),
        "speedup_divided_anew": Column(
            lambda row: paper_speedup(row[0].pair) if row[0].name else None, _("Speed-up, recomputed"), "%.2f×"
        ),
        "latency_ms_here": Column(lambda row: row[1].mean_ms if row[1] else None, _("Measured, mean (ms)"), "%.1f"),
        "std_ms_here": Column(
            lambda row: row[1].spread_ms if row[1] else None, _("Measured, standard deviation (ms)"), "%.1f"
        ),
        "speedup_here": Column(
            lambda row: row[1].times_as_fast_as(row[2]) if row[0].name and row[1] and row[2] else None,
            _("Speed-up, measured"),
            "%.2f×",
        ),
        "note": Column(lambda row: row[0].note),
        "source": Column(lambda row: row[0].source),
    }
    numbers("table4", rows, columns)
    outputs.sources((_("paper, Table 4 (the same in every version)"), PaperVersion.V5.url))
    text = _(
        "Times from different processors cannot be compared; ratios on one processor can. GPipe's network (557 million "
        "parameters) cannot be built here, so B7 has no ratio. Table 4 kept the accuracies of the first version."
    )
    st.caption(text)


def _figure(results: Sequence[Latency]) -> None:
    timed = [(result, known) for result in results if (known := _known(result))]
    shown = latency_curves(timed)
    points = "; ".join(f"{dot.name} {dot.x:.3g} ms, {dot.y:g} %" for curve in shown for dot in curve.dots)
    alt = _("Scatter chart of ImageNet top-1 versus latency on a log scale: {points}.").format(points=points)
    show_exhibit("latency", latency_figure(timed), table(shown, "latency_ms", "top1_pct"), alt)
    text = _(
        "Filled markers: printed in Table 4, one core of an Intel Xeon E5-2690. Open markers: measured here; error "
        "bars show ± one standard deviation. Accuracies: the paper's Table 2, or timm's best measurement with "
        "ImageNet-1k weights at this input size."
    )
    st.caption(text)
    if unknown := [result.label for result in results if not _known(result)]:
        names = ", ".join(map(outputs.plain, unknown))
        st.caption(_("Not in the figure because no accuracy at this input size is known: {names}.").format(names=names))


def _table(results: Sequence[Latency]) -> None:
    labels = [result.label for result in results]
    first = labels.index(HERE["ResNet-152"]) if HERE["ResNet-152"] in labels else len(labels) - 1
    beside = st.selectbox(_("Speed-up over"), labels, first, key=BESIDE)
    reference = results[labels.index(beside)]
    speedup = _("Speed-up over {name}").format(name=beside)
    columns: dict[str, Column[Latency]] = {
        "network": Column(lambda row: row.label, _("Network")),
        "mean_ms": Column(lambda row: row.mean_ms, _("Mean (ms)"), "%.1f"),
        "std_ms": Column(lambda row: row.spread_ms, _("Standard deviation (ms)"), "%.1f"),
        "least_ms": Column(lambda row: min(row.runs_ms), _("Minimum (ms)"), "%.1f"),
        "most_ms": Column(lambda row: max(row.runs_ms), _("Maximum (ms)"), "%.1f"),
        "runs": Column(lambda row: len(row.runs_ms), _("Runs")),
        "times_as_fast": Column(lambda row: row.times_as_fast_as(reference), speedup, "%.2f×"),
        "top1_pct": Column(lambda row: known.top1_pct if (known := _known(row)) else None, _("Top-1 (%)"), "%.1f"),
        "params_millions": Column(lambda row: row.params / 1e6, _("Parameters (million)"), "%.2f"),
        "accuracy_of": Column(
            lambda row: known.weights if (known := _known(row)) else "", _("Weights behind the accuracy")
        ),
        "measured_at": Column(lambda row: row.measured_at, _("Measured at (UTC)")),
        "load": Column(lambda row: row.load, _("Cores busy with other work"), "%.1f"),
        "software": Column(lambda row: row.software),
        "machine": Column(lambda row: row.machine),
        "accuracy_source": Column(lambda row: known.source if (known := _known(row)) else ""),
    }
    numbers("latencies", results, columns)


def _known(latency: Latency) -> KnownAccuracy | None:
    return known_accuracy(latency.model, latency.resolution_px)
