"""The command `effviz train family`: a whole plan of trainings, its tables, its figure and its verdict."""

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from effviz.cli import output

if TYPE_CHECKING:
    from effviz.train.family import FamilyPlan, Job, Outcome, Standing
    from effviz.train.judgement import Comparison

JUDGEMENT = "judgement.json"
FIGURE = "figure.html"
TABLE = "table.md"
ENTRIES = "manifest.json"


def family(plan: "FamilyPlan", job: "Job", as_json: bool) -> None:
    """Train a plan, then write and print what came out."""
    from effviz.plots import family as plots

    outcomes = _watched(plan, job)
    judged = _judged(plan, job, outcomes)
    texts = {JUDGEMENT: output.json_text(asdict(judged)), TABLE: _table(outcomes, judged), ENTRIES: _entries(job.out)}
    for name, text in texts.items():
        _write(job.out / name, text)
    _write(job.out / FIGURE, plots.accuracy(outcomes).to_html(include_plotlyjs=True, full_html=True))
    if as_json:
        output.show_json(asdict(judged))
        return
    typer.echo(texts[TABLE])
    typer.echo(f"Compound scaling at {plan.name}'s size: {judged.verdict}.")
    typer.echo(f"{', '.join((*texts, FIGURE))} and a folder for each run are in {job.out}.")


def _watched(plan: "FamilyPlan", job: "Job") -> "tuple[Outcome, ...]":
    from effviz.train import family as families

    with output.progress() as bar:
        task = bar.add_task("pictures", total=None)

        def decoding(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        def learning(standing: "Standing") -> None:
            status = standing.status
            words = f"{standing.run.name}, run {standing.done + 1} of {standing.runs}"
            if status is not None and standing.seconds_left is not None:
                words += f", loss {status.loss:.2f}, {timedelta(seconds=round(standing.seconds_left))} left"
                bar.update(task, description=words, completed=status.step, total=status.steps)

        return families.train(plan, job, learning, decoding)


def _judged(plan: "FamilyPlan", job: "Job", outcomes: "tuple[Outcome, ...]") -> "Judged":
    """Comparisons and the sentence that follows from them, by the plan's rules."""
    from effviz.train import family as families
    from effviz.train import judgement

    finals = [row for row in outcomes if row.part == "final"]
    untrained = sorted({row.network for row in finals if row.train_top1_pct < plan.learnt_pct})
    singles = {name: families.right(job.out, name) for name in families.SINGLE}
    comparisons = judgement.compare(families.right(job.out, families.COMPOUND), singles)
    own = families.best_rule(plan, outcomes).name if plan.step1 else ""
    beside = None
    if any(row.network == families.STEP1_COMPOUND for row in outcomes):
        papers = {"the paper's compound": families.right(job.out, families.COMPOUND)}
        (beside,) = judgement.compare(families.right(job.out, families.STEP1_COMPOUND), papers)
    return Judged(judgement.verdict(comparisons, untrained), untrained, comparisons, own, beside)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came out of a plan."""

    verdict: str
    untrained: list[str]  # networks that have not learnt their training photos
    comparisons: "tuple[Comparison, ...]"
    step1_rule: str  # the best candidate of step 1 on the photos held out
    step1_compound: "Comparison | None"  # the network by that rule minus the paper's, where they differ


def _table(outcomes: "tuple[Outcome, ...]", judged: Judged) -> str:
    """Every run and every comparison as Markdown."""
    lines = [
        "| part | network | seed | MACs, millions | parameters | loss | top-1: training photos | held out | val |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row.part} | {row.network} | {row.seed} | {row.macs / 1e6:.2f} | {row.params:,} | {row.loss:.3f} "
        f"| {row.train_top1_pct:.2f} % | {row.held_out_top1_pct:.2f} % | {row.top1_pct:.2f} % |"
        for row in outcomes
    ]
    lines += ["", "| compound minus | points | 95 % over seeds | 95 % over seeds and photos | p (Holm) |"]
    lines += ["| --- | ---: | --- | --- | ---: |"]
    lines += [_line(of) for of in judged.comparisons]
    return "\n".join(lines) + "\n"


def _line(of: "Comparison") -> str:
    (low, high), (least, most) = of.seeds_interval, of.photos_interval
    return f"| {of.single} | {of.mean:.2f} | {low:.2f} to {high:.2f} | {least:.2f} to {most:.2f} | {of.p_holm:.3f} |"


def _entries(out: Path) -> str:
    """Entries of the first seed's networks for `models/manifest.json`."""
    import json

    from effviz.train import export

    found = []
    for folder in sorted(out.glob("final-*-s0")):
        entry = json.loads((folder / export.ENTRY).read_text(encoding="utf-8"))
        found.append(entry | {"file": f"{folder.name}/{entry['file']}"})
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    from effviz.train import log

    log.replace(path, text)


def job(photos: Path, out: Path, device: str, most: int | None) -> "Job":
    """Return how a plan is trained on a device: with 16-bit activations on a GPU of NVIDIA."""
    from effviz.train.family import Job
    from effviz.train.loop import Options

    return Job(photos, out, replace(Options(), device=device, bfloat16=device == "cuda"), most)
