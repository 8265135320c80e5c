"""Logging. Every line about a run carries its run_id, thread_id and attempt."""
