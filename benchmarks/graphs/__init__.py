"""Graphs that cost next to nothing themselves, so that what is measured is the server."""
