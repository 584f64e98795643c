"""Warm kernels: each notebook its own fresh process, forked from one that has the imports done.

A normal kernel spends its first seconds importing IPython, its debugger and the Azure clients. Here one
process (the zygote) does that once; each kernel is then forked from it, with a namespace, environment,
working directory, session and streams of its own.

    start                          one for each notebook of a run, the next started while one runs
    manager -> provisioner         a kernel as Jupyter starts it; JupyterLab begins at the provisioner
    provisioner -> request, pool   what is asked for, and of which zygote
    zygote -> preload              the other side, which the pool talks to
    zygote -> kernel               what a forked process becomes

Linux only. Windows has no fork, and on macOS the system's own libraries (proxy settings, for one) do not
survive a fork without an exec, which is why Python's multiprocessing spawns there too. Where no warm kernel
is to be had, for that or any other reason, the same launch starts a normal one.

What a forked kernel shares with its siblings and a normal one does not: the seed of ``hash(str)``, the layout of
its address space, and the limits, priority and namespaces of the process that forked it. It shows in lists of
processes under that one's command line. What an import prints or warns of is not seen again by each kernel, and
modules of this package are among those that are imported.

A zygote is asked only for kernels whose environment has the same values for all variables that its imports read,
in whose working directory there is no other version of what it has imported, and for as long as neither the installed
packages nor the project's own modules among the imports change.
"""
