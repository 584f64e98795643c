"""Microsoft.Compute: virtual machines, their images and sizes, and Run Command."""
