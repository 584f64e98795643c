"""Executes the notebooks once for each row of a file, on Dask workers.

    table -> rows       what was asked for, checked before anything starts
    runner -> cluster   which row runs when, and what becomes of it
    worker              one row, on a worker, wherever that is
    records -> report   what became of all of them

Nothing here imports Dask but ``cluster`` and ``worker``, and the runner talks to workers in the terms of ``task``.
"""
