"""The notebooks: which there are, their parameters, and what is taken out of them before they are saved."""
