"""Commands that time EffViz beside a peer in the same run and print the ratio."""
