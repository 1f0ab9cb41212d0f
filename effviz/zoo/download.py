"""Fetch weights from the Hugging Face hub into its local cache; no other module of EffViz downloads anything."""

from collections.abc import Sequence
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HTTPError, XetDownloadError
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils import tqdm as hub_tqdm

from effviz.errors import WeightsError
from effviz.i18n import _
from effviz.progress import NamedProgress, no_progress
from effviz.zoo import catalogue, hub
from effviz.zoo.model import ModelSpec, WeightsOrigin


def fetch(names: Sequence[str], report: NamedProgress = no_progress) -> tuple[ModelSpec, ...]:
    """Fetch the weights of models (`b0`, `b3:ns_jft_in1k`) that are missing or damaged on this machine.

    Raises:
        SettingsError: there is no such model; nothing is fetched.
        WeightsError: the hub cannot be reached or does not have the file, or the weights do not come from the hub.
    """
    specs = tuple(catalogue.parse_model(name).spec for name in names)
    for spec in specs:
        path = hub.cached(spec) if spec.origin is WeightsOrigin.HUB else None
        broken = path is not None and hub.damaged(path, thorough=True)
        if broken or not hub.availability(spec).available:
            _fetch(spec, report, again=broken)
    return specs


def _fetch(spec: ModelSpec, report: NamedProgress, again: bool) -> None:
    if spec.origin is not WeightsOrigin.HUB:
        raise WeightsError(hub.availability(spec).sentence)
    hub_logging.set_verbosity_error()  # users need the outcome, not the retries
    try:
        how = {"force_download": True} if again else {}
        hf_hub_download(hub.repository(spec), hub.WEIGHTS_FILE, tqdm_class=_bar(spec.name, report), **how)
    except HfHubHTTPError as error:
        text = _(
            "The Hugging Face hub refused {repository} ({status}). Public weights need no account: try again later."
        )
        raise WeightsError(text.format(repository=hub.repository(spec), status=error.response.status_code)) from error
    except (OSError, ValueError, HTTPError, XetDownloadError) as error:  # not online, offline mode, disk full
        text = _(
            "The weights of {name} could not be fetched from the Hugging Face hub. Check that you are online, that "
            "HF_HUB_OFFLINE is unset and that the disk has space, then run `effviz fetch {name}` again."
        )
        raise WeightsError(text.format(name=spec.name)) from error


def _bar(model: str, report: NamedProgress) -> type[Any]:
    """Return a progress bar class for the hub that draws nothing and reports every step."""

    class Bar(hub_tqdm):  # type: ignore[misc]  # the hub's class is untyped
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **(settings | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.total:  # the hub may count transferred bytes in a second bar, which has no total
                report(model, int(self.n), int(self.total))

    return Bar
