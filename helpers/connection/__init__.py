"""Signing in, choosing the subscription, and the connection that comes of it."""

from helpers.connection.connection import Connection, connect

__all__ = ["Connection", "connect"]
