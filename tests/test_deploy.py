"""The deployment in docs/deploy.md: nginx runs with its configuration, and every setting is documented."""

import http.client
import http.server
import inspect
import json
import re
import shutil
import socket
import subprocess
import threading
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from typer.main import get_command
from typer.testing import CliRunner

from effviz import cli, settings
from effviz.cli import app

ROOT = Path(__file__).parents[1]
BehindNginx = Callable[..., AbstractContextManager[str]]
DEPLOY = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


class Upstream(http.server.BaseHTTPRequestHandler):
    """Respond with the request's headers; accept an upgrade to a WebSocket."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.close_connection = True
            return
        body = str(self.headers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def proxy(behind_nginx: BehindNginx) -> Iterator[str]:
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    with behind_nginx(upstream.server_address[1]) as address:
        yield address
    upstream.shutdown()
    upstream.server_close()


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def test_nginx_sends_the_headers_and_the_visitor_s_own_address(proxy: str) -> None:
    forged = urllib.request.Request(f"{proxy}/", headers={"X-Forwarded-For": "198.51.100.7"})
    with urllib.request.urlopen(forged) as answer:
        said, seen = answer.headers, answer.read().decode()
    rules = dict(rule.strip().split(" ", 1) for rule in said["Content-Security-Policy"].split(";"))
    assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
    assert rules["default-src"] == "'self'"
    assert "'unsafe-eval'" not in rules["script-src"].split()
    assert said["X-Content-Type-Options"] == "nosniff"
    assert said["Referrer-Policy"] == "no-referrer"
    assert "/" not in said["Server"]  # no version
    assert re.findall(r"(?i)x-forwarded-for: (.*)", seen) == ["127.0.0.1"]


def framed(address: str) -> tuple[str, str | None]:
    """Return who may frame an address, according to both headers."""
    with urllib.request.urlopen(address) as answer:
        policy, options = answer.headers["Content-Security-Policy"], answer.headers["X-Frame-Options"]
    return policy.rpartition("frame-ancestors ")[2], options


def test_only_single_figures_can_be_framed_and_only_where_that_is_allowed(behind_nginx: BehindNginx) -> None:
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    with behind_nginx(upstream.server_address[1]) as address:
        assert framed(f"{address}/?embed=figure3") == framed(f"{address}/") == ("'none'", "DENY")
    with behind_nginx(upstream.server_address[1], frames=True) as address:
        assert framed(f"{address}/?embed=figure3") == ("https://courses.example.org", None)
        assert framed(f"{address}/") == ("'none'", "DENY")
    upstream.shutdown()
    upstream.server_close()


def test_nginx_passes_the_websocket_on_and_refuses_what_is_larger_than_a_session(proxy: str) -> None:
    host, port = proxy.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        asked = "GET /_stcore/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        client.sendall(asked.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
    assert upload(proxy, 128) == 200
    assert upload(proxy, 130) == 413


def upload(proxy: str, megabytes: int) -> int:
    host = proxy.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.putrequest("PUT", "/_stcore/upload_file/x")
    connection.putheader("Content-Length", str(megabytes * 2**20))
    connection.endheaders()
    if megabytes <= 128:  # a larger upload is rejected from its header
        connection.send(b"\0" * (megabytes * 2**20))
    status = connection.getresponse().status
    connection.close()
    return status


def test_files_stay_as_long_as_is_said() -> None:
    """Streamlit keeps a closed page, with its files, for visitors who return."""
    kept_s = inspect.signature(MemorySessionStorage).parameters["ttl_seconds"].default
    assert kept_s == 120
    assert "until the page is closed and two minutes more" in " ".join(DEPLOY.split())


def test_by_itself_the_server_listens_on_this_machine_only() -> None:
    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert settings["server"]["address"] == "localhost"


@pytest.mark.parametrize(("address", "lines"), [("localhost", 1), ("127.0.0.1", 1), ("0.0.0.0", 2)])
def test_an_open_address_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, address: str, lines: int) -> None:
    from streamlit.web import bootstrap

    monkeypatch.setattr(bootstrap, "run", lambda *_: None)
    monkeypatch.setattr(bootstrap, "load_config_options", lambda _: None)
    monkeypatch.setattr(cli.os, "chdir", lambda _: None)
    said = CliRunner().invoke(app, ["app", "--address", address, "--port", str(free_port()), "--no-browser"])
    assert said.exit_code == 0, said.output
    assert said.stdout.count("\n") == lines
    assert ("Public: anyone who reaches this address" in said.stdout) == (lines == 2)


def test_every_setting_is_documented_and_every_one_documented_exists() -> None:
    written = set(re.findall(r"EFFVIZ_[A-Z_]+", DEPLOY + (ROOT / "deploy/effviz.service").read_text()))
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "effviz").rglob("*.py"))
    known = set(re.findall(r'"(EFFVIZ_[A-Z_]+)"', code))
    assert known == {setting.name for setting in settings.ALL} <= written


def test_the_lock_pins_what_is_required_each_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([^ ;\\]+)", lock, re.MULTILINE))
    wanted = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert {name: pinned.get(name.lower()) for name in wanted} == wanted
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(blocks) >= len(pinned) > len(wanted)
    assert all("--hash=sha256:" in block for block in blocks)


def test_systemd_takes_the_service_as_it_is(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    text = (ROOT / "deploy/effviz.service").read_text()
    command = "/opt/effviz/.venv/bin/effviz"
    assert command in text  # not installed on this machine
    unit = tmp_path / "effviz.service"
    unit.write_text(text.replace(command, "/bin/true"))
    checked = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("MemoryMax=4G", "MemoryMost=4G"))
    assert "MemoryMost" in subprocess.run(checked.args, capture_output=True, text=True).stderr
    assert {"DynamicUser=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet="} <= set(text.splitlines())  # no root


def test_every_file_and_option_of_the_dockerfile_exists() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    start = json.loads(next(line for line in lines if line.startswith("CMD ")).removeprefix("CMD "))
    known = {option for each in get_command(app).commands["app"].params for option in each.opts + each.secondary_opts}
    assert start[:2] == ["effviz", "app"]
    assert {word for word in start[2:] if word.startswith("--")} <= known
    assert any(line.startswith("USER ") for line in lines)
    assert "# torch" in (ROOT / "requirements.txt").read_text()  # the light installation stops at this line
