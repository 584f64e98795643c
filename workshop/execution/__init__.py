"""Running notebooks: one, or the series."""
