"""Write typed results to files: the same input gives the same bytes."""
