"""The parts of the Trade-off page."""
