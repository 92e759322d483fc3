"""Prints nothing and leaves content."""
