"""Executes the notebooks once for each row of a file, on Dask workers.

    table -> rows        what was asked for, checked before anything starts
    runner -> cluster    which row runs when, and what becomes of it: its status, recorded in the manifest
    task -> worker       one row, on a worker, wherever that is
    output, reports      what is kept of it

Nothing here imports Dask but ``cluster`` and ``worker``, and the runner talks to workers in the terms of ``task``.
"""
