"""The photos of a run, which keeps numbers only: found in a folder by their names, and known by their hashes."""

import hashlib
from pathlib import Path

from effviz.errors import DatasetError
from effviz.evaluate import folders
from effviz.explain import images
from effviz.words import _


class Originals:
    """A folder with photos that were measured.

    Names in a run have a folder and a suffix or not, and in COCO a class behind them.
    """

    def __init__(self, path: Path) -> None:
        """List the folder once.

        Args:
            path: the folder that the names of the run's photos start from.
        """
        self._path = path
        self._places = folders.places(path)

    def find(self, name: str) -> Path | None:
        """Return the file that may be a photo; only `read` knows whether it is."""
        words = [word for one in (name, name.rpartition(" [")[0]) for word in (one, one.replace("\\", "/"))]
        keys = [key for word in words for key in (word, Path(word).name, Path(word).stem)]
        return next((self._places[key] for key in keys if key in self._places), None)

    def read(self, name: str, sha256: str) -> bytes:
        """Return the file of a photo that was measured.

        Raises:
            DatasetError: it is not there, cannot be read, or is not the one that was measured.
        """
        place = self.find(name)
        if place is None:
            raise DatasetError(
                _(
                    "{name} is not in {folder}: maps need the run's photos. Give the folder that their names start "
                    "from, or do without maps."
                ).format(name=name, folder=self._path)
            )
        try:
            data = images.from_file(place, name)
        except OSError as error:
            raise DatasetError(
                _("{file} cannot be read ({reason}): maps need the run's photos. Check its permissions.").format(
                    file=place, reason=error.strerror
                )
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DatasetError(
                _(
                    "{file} is not the photo that was measured: maps need the run's own photos. Give the folder that "
                    "holds them, or do without maps."
                ).format(file=place)
            )
        return data
