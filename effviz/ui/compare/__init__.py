"""The parts of the Compare page, in the order in which it shows them."""
