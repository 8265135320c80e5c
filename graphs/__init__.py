"""Example graphs. Each runs without a key or a network, and each is also a subject of the tests.

Start them all with `joinstream dev --config graphs/langgraph.json`.
"""
