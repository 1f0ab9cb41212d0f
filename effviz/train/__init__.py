"""Training of scaled networks on folders of photos: recipes, data, and a resumable loop."""
