"""Training scaled networks on folders of photos: recipes, data, and a loop that can be killed and resumed."""
