"""Runs the notebooks for people: one run, a batch, a class."""
