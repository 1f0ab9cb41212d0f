"""The command line; heavy libraries are imported only inside the commands that use them."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

import effviz
from effviz import settings
from effviz.cli import benchmarks, cam, console, evaluate, networks, train
from effviz.cli.console import GuardedGroup
from effviz.errors import SettingsError

# The commands `app`, which opens EffViz in a browser, and `settings`.

LOCAL = ("localhost", "127.0.0.1", "::1")
PUBLIC_NOTE = (
    "Public: anyone who reaches this address can open every page, compute on this machine, and read the models, the "
    "runs in EFFVIZ_RUNS and the photos in EFFVIZ_PHOTOS; nothing is encrypted. For a proxy, see docs/deploy.md."
)


def open_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Where to listen: localhost, or 0.0.0.0 for everyone.")] = "localhost",
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    base_path: Annotated[str, typer.Option(help="Path prefix of all addresses behind a proxy, such as effviz.")] = "",
) -> None:
    """Open EffViz in the browser. It works offline. Stop it with Ctrl+C."""
    script = settings.APP_SCRIPT
    if not script.is_file():
        raise SettingsError(
            f"The app's script {script} is missing: the app runs from a clone of the repository or from the complete "
            "package. Reinstall EffViz."
        )
    _check_free(address, port)
    settings.fix_folders()
    os.chdir(settings.SHIPPED)  # before the import: Streamlit reads .streamlit/config.toml from here
    from streamlit.web import bootstrap

    from effviz.ui import job_queue, startup

    options = {
        "server_port": port,
        # With an address set, Streamlit does not look up this machine's public one on the internet.
        "server_address": address,
        "server_headless": not (browser and _has_screen()),
        "server_baseUrlPath": base_path.strip("/"),
        "logger_hideWelcomeMessage": True,
    }
    typer.echo(f"EffViz: http://{address}:{port}/{base_path.strip('/')}".rstrip("/"))
    if address not in LOCAL:
        typer.echo(PUBLIC_NOTE)
    job_queue.bound_decoders().start()  # so that they are ready for the first visitor
    bootstrap.load_config_options(options)
    with startup.preloading():
        bootstrap.run(str(script), False, [], options)


def show_settings(as_json: console.AsJson = False) -> None:
    """Print every EFFVIZ_* variable with its value and where the value comes from."""
    rows = [
        {
            "name": setting.name,
            "value": str(value) if isinstance(value, Path) else value,
            "from": "environment" if setting.is_set else "default",
            "meaning": setting.meaning + (f"; {setting.unset}" if value is None else ""),
        }
        for setting in settings.ALL
        for value in [setting.value()]
    ]
    if as_json:
        console.show_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['name']} = {'(not set)' if row['value'] is None else row['value']}  [{row['from']}]")
        typer.echo(f"    {row['meaning']}")


def _check_free(address: str, port: int) -> None:
    try:
        family, *_, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(place[:2], family=family).close()
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {address}:{port} ({error.strerror}): the address must belong to this machine and the "
            "port must be free. Choose another port with --port, or stop the program that uses it."
        ) from error


def _has_screen() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# The command line itself.

app = typer.Typer(
    cls=GuardedGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="See what EfficientNets look at, and how compound scaling changes it.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(effviz.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, help="Print the version.")] = False,
) -> None:
    pass


app.command("app")(open_app)
app.command("settings")(show_settings)
for command in (  # each command has the name of its function
    *(networks.models, networks.fetch, networks.add, networks.check, networks.remove, networks.export),
    *(networks.scale, networks.plan, networks.solve, cam.cam, cam.calibrate),
    *(evaluate.evaluate, evaluate.report, train.search, train.train),
):
    app.command()(command)
app.add_typer(benchmarks.app, name="bench")


def main() -> None:
    """Run the command line of the console script `effviz`."""
    app(prog_name="effviz")
