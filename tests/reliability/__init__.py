"""What the series of notebooks does when Azure refuses, throttles or is not there."""
