"""Files that are no files: each is an error at once, and none is waited for."""

import os
import socket
from pathlib import Path

import pytest

from effviz import file_io


def a_socket(path: Path) -> None:
    os.chdir(path.parent)  # its address may have only a hundred letters
    socket.socket(socket.AF_UNIX).bind(path.name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and sockets")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, a_socket, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_read(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "odd")
    with pytest.raises(OSError, match=r"it is no file|No such device"):
        file_io.read_regular(tmp_path / "odd", 100)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000, "nowhere"])
def test_names_that_no_file_has(name, tmp_path):
    with pytest.raises(OSError):  # noqa: PT011 - each system words it in its own way
        file_io.read_regular(tmp_path / name, 100)


def test_no_more_is_read_than_asked_for(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    assert len(file_io.read_regular(tmp_path / "a", 100)) == 100
    with pytest.raises(OSError, match="more than 99 bytes"):
        file_io.read_regular(tmp_path / "a", 99)


def test_deep_json_is_an_error_like_any_other():
    for text in (b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"{"):
        with pytest.raises(ValueError):  # noqa: PT011 - the parser's words
            file_io.parse_json(text)
    assert file_io.parse_json(b'{"a": [1]}') == {"a": [1]}
