"""JupyterHub for a class on one machine: its environment, who may sign in, and each learner's server."""
