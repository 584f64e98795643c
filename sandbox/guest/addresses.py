"""The addresses there are inside a machine."""

METADATA = "169.254.169.254"
AZURE = "192.0.2.1"  # of the range kept for documentation (RFC 5737): it is nobody's
