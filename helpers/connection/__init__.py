"""Signing in, choosing the subscription, and the connection that comes of it."""

from helpers.connection.connection import Connection
from helpers.connection.targets import connect

__all__ = ["Connection", "connect"]
