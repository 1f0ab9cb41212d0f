"""Which models exist, where their weights come from, and how they are built.

`effviz.zoo.catalogue` names them without loading torch; `effviz.zoo.loading` builds them.
"""
