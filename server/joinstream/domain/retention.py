"""What is kept only for a time."""

from typing import Literal

Log = Literal["runs", "firings", "deliveries"]
"""Ended runs of threads, what came of crons, webhooks that were delivered or given up."""
