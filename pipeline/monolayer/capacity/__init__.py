"""Capacity: what a yearly output of doses asks of vessels, microscopes, processors and money.

    doses ─▶ cells ─▶ area ─▶ vessels ─▶ images ─▶ processors ─▶ money
    doses.py                            imaging.py   rates.py
                                                     farm.py, model.py: the engine, SIMULATED
    scenario.py: all of it from one file, with prices; sensitivity.py: what the price hangs on

Pure functions over frozen settings, with the unit in every name; they know no file and no Dask.
It is no stage of counting, and no stage imports it.
"""
