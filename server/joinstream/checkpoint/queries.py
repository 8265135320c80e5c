"""The package's queries by name; those made of several are put together here."""

from pathlib import Path

from joinstream.sql import load_queries


def _composed() -> dict[str, str]:
    parts = load_queries(Path(__file__).with_name("queries.sql"))
    queries = dict(parts)
    queries["read_newest"] = parts["contents"].format(checkpoints=parts["newest"])
    for scope in ("in_namespace", "in_thread", "anywhere"):
        page = parts["page"].format(scope=parts[scope])
        queries[f"list_{scope}"] = parts["contents"].format(checkpoints=page)
    for scope in ("of_thread", "of_any_thread"):
        queries[f"delete_runs_{scope}"] = parts["delete_runs"].format(scope=parts[scope])
    return queries


QUERIES = _composed()
