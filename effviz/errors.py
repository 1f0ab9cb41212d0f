"""Everything a user can do wrong, as a tree of exceptions.

EffVizError
├── ImageError     a file is not a photo that can be read
├── WeightsError   weights are missing, damaged, unsafe or do not fit
├── TargetError    a class, rank or layer does not exist
├── SettingsError  a number, name or option is out of range
└── DatasetError   a folder or annotation file cannot be used

Every message is one sentence (or two) with three parts: what was given, what is allowed, what to do next.
Programming errors are not in this tree and are never caught.
"""


class EffVizError(Exception):
    """Base of every error that a user can cause and fix; its text can be shown as it is."""


class ImageError(EffVizError):
    """A file is not a photo that can be read."""


class WeightsError(EffVizError):
    """Weights are missing, damaged, unsafe or do not fit the architecture."""


class TargetError(EffVizError):
    """A class, rank or layer does not exist in this model."""


class SettingsError(EffVizError):
    """A number, name or option is not allowed."""


class DatasetError(EffVizError):
    """A folder or an annotation file cannot be used."""
