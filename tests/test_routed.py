"""Every text that a visitor reads goes through the catalogue: the folders below show no bare literals.

The test only parses the code: it checks the arguments of calls that put text on a page or into a figure.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Not effviz/cli and effviz/bench: the command line is always in English (docs/translating.md).
FOLDERS = (
    "effviz/ui",
    "effviz/evaluate",
    "effviz/plots",
    "effviz/report",
    "effviz/explain",
    "effviz/zoo",
    "effviz/facts",
    "effviz/scaling",
)

# Methods of `st`, of a column or container, or of a column's configuration that show their first argument.
SHOWN = {
    *("title", "header", "subheader", "caption", "markdown", "write", "text", "info", "warning", "error", "success"),
    *("toast", "button", "download_button", "link_button", "popover", "expander", "spinner", "metric", "progress"),
    *("checkbox", "toggle", "radio", "selectbox", "multiselect", "pills", "segmented_control", "slider"),
    *("select_slider", "number_input", "text_input", "text_area", "file_uploader", "camera_input", "status"),
    *("Column", "TextColumn", "NumberColumn", "CheckboxColumn", "ProgressColumn", "LinkColumn", "BarChartColumn"),
}
# Called by bare name: `number = st.column_config.NumberColumn`, and parts of figures.
NAMED = {"number", "Curve", "Axis"}
# Pages show the text of errors that a visitor can cause.
ERRORS = {"EffVizError", "ImageError", "WeightsError", "TargetError", "SettingsError", "DatasetError"}
TRACES = {"Scatter", "Scatter3d", "Bar"}  # their `name` is in the legend
# Keyword arguments that are shown, whatever the function.
KEYWORDS = {"label", "help", "placeholder", "title", "title_text", "alt", "caption", "hovertext", "annotation_text"}
KEYWORDS |= {"hovertemplate", "column_config"}
# The same in every language: file types, letters of units, names.
NAMES = {"CSV", "PNG", "SVG", "d", "w", "r", "φ", "α", "β", "γ", "SiLU", "ReLU", "B0"}
LOGS = {"logger", "logging"}  # only the server's operator reads logs


def files() -> list[Path]:
    return sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))


def bare(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of every literal that is shown without the catalogue."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for shown in _arguments(node):
                yield from _literals(shown)


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in LOGS:
        return
    if name in SHOWN | NAMED | ERRORS and call.args:
        yield call.args[0]
    for keyword in call.keywords:
        if keyword.arg in KEYWORDS:
            yield keyword.value
        if keyword.arg == "name" and name in TRACES:
            yield keyword.value


def _literals(value: ast.expr) -> Iterator[tuple[int, str]]:
    """Yield literals with letters in an expression, except those passed to the catalogue or only formatted."""
    if isinstance(value, ast.Constant):
        if isinstance(value.value, str) and _is_text(value.value):
            yield value.lineno, value.value
    elif isinstance(value, ast.JoinedStr):
        for part in value.values:
            if isinstance(part, ast.Constant):
                yield from _literals(part)
    elif isinstance(value, ast.IfExp):
        yield from (*_literals(value.body), *_literals(value.orelse))
    elif isinstance(value, ast.BinOp):
        yield from (*_literals(value.left), *_literals(value.right))
    elif isinstance(value, ast.List | ast.Tuple):
        for part in value.elts:
            yield from _literals(part)
    elif isinstance(value, ast.Dict):
        for part in value.values:
            yield from _literals(part)
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        yield from _literals(value.func.value)  # "…".format(…)


def _is_text(text: str) -> bool:
    """Whether a text has two letters in a row, outside HTML tags and entities, and is not a name."""
    plain = "".join(part.partition(">")[2] or ("" if number else part) for number, part in enumerate(text.split("<")))
    words = [word.strip(".,:;()*×=|/ ") for word in plain.split()]
    return any(len(word) > 1 and word.isalpha() and word not in NAMES for word in words)


def test_every_text_goes_through_the_catalogue() -> None:
    read = [(file, ast.parse(file.read_text(encoding="utf-8"))) for file in files()]
    assert len(read) > 150  # the folders exist
    assert [f"{file.relative_to(ROOT)}:{line}: {text!r}" for file, tree in read for line, text in bare(tree)] == []


@pytest.mark.parametrize(
    "source",
    [
        "st.title('Hello you')",
        "st.markdown(f'{count} photos')",
        "left.selectbox('Sample photo', names)",
        "st.button(_('Go on'), help='Goes on')",
        "st.caption('Source: ' + _('paper'))",
        "st.info('none' if empty else _('{count} rows').format(count=3))",
        "st.markdown('{count} rows'.format(count=3))",
        "st.column_config.NumberColumn('Parameters')",
        "figure.update_xaxes(title_text='Stage')",
        "go.Bar(name='baseline')",
        "SettingsError(f'There is no network {name}.')",
        "Column(title=['depth', _('width')])",
        "number('Parameters', format='%.1f')",
        "st.dataframe(rows, column_config={'map': 'Map (px)', 'stage': number(_('Stage'))})",
        "go.Scatter(hovertemplate='%{y} billion MACs<extra></extra>')",
    ],
)
def test_a_bare_text_is_found(source: str) -> None:
    assert len(list(bare(ast.parse(source)))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "st.title(_('Hello you'))",
        "st.markdown(_('{count} photos').format(count=3))",
        "st.markdown(many('{count} photo', '{count} photos', 3).format(count=3))",
        "st.markdown(f'**{label}**: {why}')",
        "st.button(_(NAMES[key]), key='a key', icon=':material/image:')",
        "st.download_button('CSV', data)",
        "st.html('<div style=\"display: grid\">')",
        "number('d')",
        "logger.warning('The file %s is gone', file)",
        "go.Scatter(hovertemplate='%{hovertext}<extra></extra>')",
    ],
)
def test_a_routed_text_is_left_alone(source: str) -> None:
    assert not list(bare(ast.parse(source)))
