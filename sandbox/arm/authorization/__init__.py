"""Microsoft.Authorization: role assignments, role definitions and permissions."""
