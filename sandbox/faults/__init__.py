"""Faults on order: requests that are answered with a refusal, or not at all, for whoever tries out what follows."""
