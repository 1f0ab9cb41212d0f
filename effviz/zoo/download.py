"""Getting weights from the Hugging Face hub into its local cache: the only place of EffViz that uses a network."""

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
    """Fetch the weights of models (`b0`, `b3:ns_jft_in1k`) that are not on this machine yet, or damaged here.

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
    hub_logging.set_verbosity_error()  # its retries are not the user's concern, the outcome is
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
    """Return what the hub takes for its progress bar: it draws nothing and passes every step on."""

    class Bar(hub_tqdm):  # type: ignore[misc]  # the hub's classes have no types here
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **(settings | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.total:  # the hub may count the bytes on the wire in a second bar, which has no total
                report(model, int(self.n), int(self.total))

    return Bar
