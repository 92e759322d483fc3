"""Bytes that somebody else specified: strict readers and writers, each with its specification beside the code."""
