"""`python -m effviz` runs the commands even if the console script is not on the path."""

from effviz.cli import main

main()
