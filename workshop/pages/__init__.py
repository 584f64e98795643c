"""Executed notebooks as pages to read."""
