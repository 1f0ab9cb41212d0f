"""Files are written completely or not at all, and text prints in any encoding; U+DCE9 is the byte E9 in a name."""

import io
import json
import os
import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effviz import file_io
from effviz.cli import app, console
from effviz.errors import SettingsError

NAME = "caf\udce9 \u00e9.jpg"


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path) -> None:
    file_io.write_text_atomically(tmp_path / "a.json", "old")

    def fails(file: io.BufferedWriter) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file_io.write_atomically(tmp_path / "a.json", fails)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.json", "old")]


def test_a_name_in_another_code_comes_back_from_json(tmp_path: Path) -> None:
    file_io.write_text_atomically(tmp_path / "a.json", file_io.json_text({"photo": NAME}))
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"photo": NAME}


@pytest.mark.parametrize("code", ["utf-8", "ascii", "cp1252", "latin-1"])
def test_json_and_tables_go_to_every_output(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, code, newline="\n"))
    console.never_fail_at_letters()
    console.show_json({"photo": NAME, "\u6f22": 1})
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode(code)) == {"photo": NAME, "\u6f22": 1}
    console.show_table(NAME, ["\u6f22"], [[NAME]])
    sys.stdout.flush()


def test_commands_may_write_to_an_output_that_knows_few_letters() -> None:
    result = CliRunner(charset="ascii").invoke(app, ["scale", "--phi", "1"])
    assert (result.exception, result.exit_code) == (None, 0)


def test_what_keeps_a_file_from_being_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SettingsError, match=r"Cannot write to .*file/out \(Not a directory\).*--out"),
        file_io.reporting_write_errors(tmp_path / "file" / "out"),
    ):
        (tmp_path / "file" / "out").mkdir()


class TestCache:
    """The cache folder follows the XDG base directory specification."""

    def test_a_path_that_is_not_absolute_does_not_count(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        for named in (".x", "", "cache"):
            monkeypatch.setenv("XDG_CACHE_HOME", named)
            assert file_io.cache_folder() == tmp_path / ".cache" / "effviz"
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
        assert file_io.cache_folder() == tmp_path / "x" / "effviz"

    def test_somebody_without_a_home_has_one_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nowhere() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(file_io.Path, "home", nowhere)
        assert file_io.cache_folder().is_absolute()


# Special files: each is an error at once, without waiting.


def a_socket(path: Path) -> None:
    os.chdir(path.parent)  # a socket's path is limited to about a hundred characters
    socket.socket(socket.AF_UNIX).bind(path.name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and sockets")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, a_socket, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_read(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "odd")
    with pytest.raises(OSError, match=r"it is not a regular file|No such device"):
        file_io.read_regular(tmp_path / "odd", 100)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000, "nowhere"])
def test_names_that_no_file_has(name, tmp_path):
    with pytest.raises(OSError):  # noqa: PT011 - each system words it in its own way
        file_io.read_regular(tmp_path / name, 100)


def test_no_more_is_read_than_asked_for(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    assert len(file_io.read_regular(tmp_path / "a", 100)) == 100
    with pytest.raises(OSError, match="larger than 99 bytes"):
        file_io.read_regular(tmp_path / "a", 99)


def test_deep_json_is_an_error_like_any_other():
    for text in (b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"{"):
        with pytest.raises(ValueError):  # noqa: PT011 - the parser's words
            file_io.parse_json(text)
    assert file_io.parse_json(b'{"a": [1]}') == {"a": [1]}
