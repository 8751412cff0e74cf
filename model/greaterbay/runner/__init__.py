"""Runs of the model: one replicate, ensembles, the store of results and its export.

A task is one replicate of one scenario. Its numbers go to a *part*; the parts of a scenario are
streamed into one netCDF file. Nothing here is imported by the model itself.
"""
