"""monolayer in napari: open a run's labels, and a simulated field to try things on.

`napari.yaml` names the commands; this package imports neither napari nor Qt to answer them.
"""
