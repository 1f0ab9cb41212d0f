"""`python -m effviz`: the commands, also where the console script is not on the path."""

from effviz.cli import main

main()
