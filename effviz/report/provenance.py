"""What made a map, as plain values for JSON."""

from effviz.explain.results import ActivationMap

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def provenance(entry: ActivationMap) -> dict[str, Json]:
    """Everything about a map but its values; boxes and sizes in pixels of the upright photo."""
    height, width = entry.values.shape
    return {
        "photo": entry.photo,
        "photo_sha256": entry.photo_sha256,
        "photo_size": list(entry.photo_size),
        "model": entry.model,
        "trained": entry.trained,
        "method": entry.method.value,
        "layer": entry.layer.value,
        "target_index": int(entry.target_index),
        "target_name": entry.target_name,
        "logit": float(entry.logit),
        "probability": float(entry.probability),
        "bias": float(entry.bias),
        "seen": [float(edge) for edge in (entry.seen.x0, entry.seen.y0, entry.seen.x1, entry.seen.y1)],
        "map_height": int(height),
        "map_width": int(width),
        "map_min": float(entry.values.min()),
        "map_max": float(entry.values.max()),
    }
