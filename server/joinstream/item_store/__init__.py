"""The key-value store that graphs get from `get_store()` and clients reach under /store.

- `config`: `store` of langgraph.json.
- `tables`: brings the database to what the store needs; part of `joinstream migrate`.
- `postgres`: LangGraph's own Postgres store, opened when it is first used.
- `opening`: that, or the project's own store.
"""
