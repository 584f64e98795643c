"""Warm kernels: each notebook its own fresh process, forked from one that has the imports done.

A normal kernel spends its first seconds importing IPython, its debugger and the Azure clients. Here one
process (the zygote) does that once; each kernel is then forked from it, with a namespace, environment,
working directory, session and streams of its own.

    provisioner -> pool -> zygote process -> kernel process        (a launch)
    engine -> manager -> provisioner                               (a notebook run by papermill)

Linux only. Windows has no fork, and on macOS the system's own libraries (proxy settings, for one) do not
survive a fork without an exec, which is why Python's multiprocessing spawns there too. Where no warm kernel
is to be had, for that or any other reason, the same launch starts a normal one.

What a forked kernel shares with its siblings and a normal one does not: the seed of ``hash(str)`` and the
address space layout. What an import prints or warns of is not seen again by each kernel.
"""
