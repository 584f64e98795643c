"""The sandbox as a background process, and what points clients at it."""
