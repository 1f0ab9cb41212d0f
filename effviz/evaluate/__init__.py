"""How good maps are, and how alike."""
