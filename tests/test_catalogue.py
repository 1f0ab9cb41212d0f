"""The code's texts can be extracted, and each catalogue is complete; `docs/translating.md` has the commands."""

import ast
import builtins
import gettext
import io
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import effviz
from effviz import i18n

PACKAGE = Path(effviz.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Texts that only a terminal shows are not in the catalogue.
TERMINAL = ("__main__.py", "bench", "cli")


def name(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {name(file): ast.parse(file.read_text(encoding="utf-8")) for file in FILES}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def fields(text: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def unextractable(tree: ast.AST) -> Iterator[str]:
    """Yield texts that Babel cannot extract, because they are composed before the lookup."""
    for called, call in calls(tree):
        texts = {"_": call.args[:1], "lazy_gettext": call.args[:1], "ngettext": call.args[:2]}.get(called, [])
        for text in texts:
            made = isinstance(text, ast.JoinedStr | ast.BinOp)
            if made or (called != "_" and not is_text(text)):
                yield f"line {call.lineno}: {called}() takes a literal sentence, and values go in by format()"
    for node in ast.walk(tree):
        inside = calls(node) if isinstance(node, ast.JoinedStr) else ()
        if any(called in ("_", "ngettext") and is_text(call.args[0]) for called, call in inside):
            yield f"line {node.lineno}: a sentence inside an f-string is not extracted"


def misfitting(tree: ast.AST) -> Iterator[str]:
    """Yield sentences whose placeholders do not match the values passed to them."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"):
            continue
        inner = node.func.value
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in ("_", "ngettext"):
            given = {keyword.arg for keyword in node.keywords}
            for text in inner.args[: 2 if inner.func.id == "ngettext" else 1]:
                if isinstance(text, ast.Constant) and fields(text.value) != given:
                    yield f"line {node.lineno}: {sorted(map(str, fields(text.value) ^ given))}"
    for called, call in calls(tree):
        if called == "lazy_gettext" and is_text(call.args[0]) and call.keywords:
            given = {keyword.arg for keyword in call.keywords}
            if None not in given and fields(ast.literal_eval(call.args[0])) != given:  # None: `**` holds the names
                yield f"line {call.lineno}: {sorted(map(str, given))}"


def untranslated_errors(tree: ast.AST) -> Iterator[str]:
    """Yield errors that visitors see, raised with a text that was not looked up."""
    for called, call in calls(tree):
        ours = called.endswith("Error") and not hasattr(builtins, called)
        if ours and call.args and (is_text(call.args[0]) or isinstance(call.args[0], ast.JoinedStr)):
            yield f"line {call.lineno}: {called}"


def hidden(tree: ast.Module) -> Iterator[str]:
    """Yield places where a variable named `_` shadows the lookup function: in a module, or in a function that uses it.

    In a comprehension this is harmless.
    """
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "effviz.i18n"]
    if not any(alias.name == "_" for node in imported for alias in node.names):
        return
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(part) for function in functions for part in ast.walk(function)}
    for scope in (tree, *functions):
        own = [part for part in ast.walk(scope) if scope is not tree or id(part) not in inside]
        if not any(isinstance(part, ast.Name) and part.id == "_" and isinstance(part.ctx, ast.Store) for part in own):
            continue
        harmless = {id(part) for node in own if isinstance(node, ast.comprehension) for part in ast.walk(node.target)}
        named = [part for part in own if isinstance(part, ast.Name) and part.id == "_" and id(part) not in harmless]
        stored = [part for part in named if isinstance(part.ctx, ast.Store)]
        if stored and (scope is tree or len(named) > len(stored)):
            yield f"line {stored[0].lineno}"


def test_texts_can_be_extracted_and_filled(trees: dict[str, ast.Module]) -> None:
    checks = (unextractable, misfitting, hidden)
    assert [(file, fault) for file, tree in trees.items() for check in checks for fault in check(tree)] == []


def test_errors_are_looked_up_before_they_are_raised(trees: dict[str, ast.Module]) -> None:
    shown = {file: tree for file, tree in trees.items() if file.split("/")[0] not in TERMINAL}
    assert [(file, fault) for file, tree in shown.items() for fault in untranslated_errors(tree)] == []


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ('_(f"{name} is wrong")', unextractable),
        ('_("one " + two)', unextractable),
        ("lazy_gettext(text)", unextractable),
        ("f\"{_('depth')} grows\"", unextractable),
        ('ngettext("one", f"{n} of them", n)', unextractable),
        ('_("{name} is wrong").format(nmae=1)', misfitting),
        ('ngettext("{n} seed", "{n} seeds", n).format(m=n)', misfitting),
        ('lazy_gettext("{name} is wrong", nmae=1)', misfitting),
        ('SettingsError("wrong")', untranslated_errors),
        ('SettingsError(f"{name} is wrong")', untranslated_errors),
        ("from effviz.i18n import _\nfor _ in range(3): pass", hidden),
        ("from effviz.i18n import _\ndef show():\n    _, last = pair\n    return _(last)", hidden),
    ],
)
def test_each_check_finds_what_it_is_for(code: str, check: object) -> None:
    assert callable(check)
    assert list(check(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "from effviz.i18n import _\n[a for _, a in pairs]",
        "from effviz.i18n import _\ndef count():\n    _, n = pair\n    return n",
        "for _ in range(3): pass",
    ],
)
def test_a_thrown_away_value_that_hides_nothing_may_be_called_so(code: str) -> None:
    assert list(hidden(ast.parse(code))) == []


KEYWORDS = {"_": None, "lazy_gettext": None, "ngettext": (1, 2)}
SOURCES = sorted(i18n.LOCALES.glob("*/LC_MESSAGES/effviz.po"))


def texts_of_the_code() -> set[str | tuple[str, ...]]:
    """Return every text that Babel finds, as in `make extract`."""
    found = extract_from_dir(str(PACKAGE), keywords=KEYWORDS, callback=None)
    also = extract_from_file("python", str(PACKAGE.parent / "app.py"), keywords=KEYWORDS)
    return {text for _, _, text, *_ in found} | {text for _, text, *_ in also}


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.parts[-3])
def test_a_catalogue_has_every_text_and_is_sure_of_each(source: Path) -> None:
    """After changing a text: `make update`, translate empty and fuzzy entries, `make compile`."""
    catalogue = read_po(io.BytesIO(source.read_bytes()))
    messages = {message.id: message for message in catalogue if message.id}
    assert texts_of_the_code() - set(messages) == set(), "missing: make update"
    lacking = [message.id for message in messages.values() if message.fuzzy or not all(several(message.string))]
    assert lacking == []
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    assert compiled.getvalue() == source.with_suffix(".mo").read_bytes(), "make compile"


def several(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def places(text: str) -> set[tuple[str | None, str | None]]:
    """Return placeholders with their format specs: `{share:.0f}` and `{share}` differ."""
    return {(field, form) for _, field, form, _ in string.Formatter().parse(text) if field is not None}


def unfillable(catalogue: Path) -> Iterator[str]:
    """Yield translations that would break a page or lose a value, because their placeholders differ from the source."""
    with catalogue.open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # the only list of all entries
    for source, text in found.items():
        sentence = source[0] if isinstance(source, tuple) else source
        if sentence and places(text) != places(sentence):
            yield sentence


def test_every_catalogue_can_be_read_and_filled() -> None:
    assert [name for file in i18n.LOCALES.glob("*/LC_MESSAGES/*.mo") for name in unfillable(file)] == []


def test_a_translation_that_could_not_be_filled_is_found(translate: Callable[[str, dict[str, str]], None]) -> None:
    translate("de", {"{count} px": "{zahl} px", "{name} grows": "es wächst", "Depth": "Tiefe", "{a:.1f} s": "{a} s"})
    (catalogue,) = i18n.LOCALES.glob("*/LC_MESSAGES/*.mo")
    assert list(unfillable(catalogue)) == ["{a:.1f} s", "{count} px", "{name} grows"]
