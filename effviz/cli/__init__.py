"""EffViz without a browser, as commands; heavy libraries load only inside the commands that use them."""

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

# The commands app, which opens the app in a browser, and settings.

LOCAL = ("localhost", "127.0.0.1", "::1")
PUBLIC_NOTE = (
    "Public: whoever reaches this address may open every page, compute on this machine, and read the models, the runs "
    "in EFFVIZ_RUNS and the photos in EFFVIZ_PHOTOS; nothing is encrypted. docs/deploy.md puts a proxy before it."
)


def open_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Who may connect: localhost, or 0.0.0.0 for everyone.")] = "localhost",
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    base_path: Annotated[str, typer.Option(help="The path before all addresses behind a proxy: effviz.")] = "",
) -> None:
    """Open EffViz in the browser; it works without a network. Stop it with Ctrl+C."""
    script = settings.APP_SCRIPT
    if not script.is_file():
        raise SettingsError(
            f"The app's script {script} is not there: the app runs from a clone of the repository or from the whole "
            "package. Install EffViz again."
        )
    _check_free(address, port)
    settings.fix_folders()
    os.chdir(settings.SHIPPED)  # Streamlit reads .streamlit/config.toml from here, before it is imported
    from streamlit.web import bootstrap

    from effviz.ui import job_queue, startup

    options = {
        "server_port": port,
        # A set address also keeps Streamlit from asking the internet for this machine's public one.
        "server_address": address,
        "server_headless": not (browser and _has_screen()),
        "server_baseUrlPath": base_path.strip("/"),
        "logger_hideWelcomeMessage": True,
    }
    typer.echo(f"EffViz: http://{address}:{port}/{base_path.strip('/')}".rstrip("/"))
    if address not in LOCAL:
        typer.echo(PUBLIC_NOTE)
    job_queue.bound_decoders().start()  # so that they are ready when somebody comes
    bootstrap.load_config_options(options)
    with startup.preloading():
        bootstrap.run(str(script), False, [], options)


def show_settings(as_json: console.AsJson = False) -> None:
    """Print every EFFVIZ_* variable with its value, and where that comes from."""
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
            f"Nothing can listen at {address}:{port} ({error.strerror}): the address must be this machine's and the "
            "port free. Choose another one with --port, or stop what uses it."
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
for command in (  # each has the name of its function
    *(networks.models, networks.fetch, networks.add, networks.check, networks.remove, networks.export),
    *(networks.scale, networks.plan, networks.solve, cam.cam, cam.calibrate),
    *(evaluate.evaluate, evaluate.report, train.search, train.train),
):
    app.command()(command)
app.add_typer(benchmarks.app, name="bench")


def main() -> None:
    """Run the command that the console script `effviz` was given."""
    app(prog_name="effviz")
