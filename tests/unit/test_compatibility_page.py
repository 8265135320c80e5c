"""docs/compatibility.md against the server: what it says is here is here, and nothing else is."""

from functools import cache
from typing import Any

import pytest

from joinstream.http.openapi import openapi_document
from joinstream.http.schemas.runs import RunCreate
from joinstream.mounting.config import HttpConfig
from joinstream.mounting.switches import api_routes
from joinstream.project.config import IGNORED_KEYS, ProjectConfig
from joinstream.settings.loading import OUR_PREFIX, known_names
from tests.support.documents import ROOT, Row, names_in, rows

PAGE = ROOT / "docs" / "compatibility.md"
HERE = {"works", "differs"}
ABSENT = {"not yet", "left out"}
RUN_FIELDS = "[run fields](#run-fields)"


@cache
def document() -> dict[str, Any]:
    routes = api_routes(HttpConfig())
    return openapi_document([*routes.open, *routes.guarded], "")


def operations() -> dict[str, dict[str, Any]]:
    """By method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def endpoints() -> dict[str, Row]:
    return named(rows(PAGE, "Endpoint", "State", "Takes", "Notes"), "Endpoint")


def named(table: list[Row], column: str) -> dict[str, Row]:
    """The rows by each of the names in their first cell, of which none stands in two."""
    pairs = [(name, row) for row in table for name in names_in(row[column])]
    found = dict(pairs)
    assert len(found) == len(pairs), "something stands there twice"
    return found


def names_of(table: dict[str, Row], states: set[str]) -> set[str]:
    return {name for name, row in table.items() if row["State"] in states}


@pytest.mark.parametrize("subject", ["Method", "Endpoint", "Field", "Header", "Key", "Variable"])
def test_every_row_has_a_state_and_every_difference_a_reason(subject: str) -> None:
    table = rows(PAGE, subject, "State")
    assert table
    for row in table:
        assert row["State"] in HERE | ABSENT, row
        assert row["Notes"] or row["State"] in ("works", "not yet"), row


def test_every_route_stands_there_and_no_other() -> None:
    assert names_of(endpoints(), HERE) == set(operations())


@pytest.mark.parametrize("endpoint", sorted(operations()))
def test_every_parameter_of_a_route_stands_beside_it(endpoint: str) -> None:
    said = endpoints()[endpoint]["Takes"]
    fields = set(names_in(said))
    if RUN_FIELDS in said:
        fields |= set(RunCreate.model_fields)
    assert fields == parameters(operations()[endpoint])


def parameters(operation: dict[str, Any]) -> set[str]:
    """What its query and its body may hold."""
    query = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
    if "requestBody" not in operation:
        return query
    schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
    return query | set(resolved(schema.get("items", schema))["properties"])


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def test_every_field_of_a_run_stands_there() -> None:
    """Some are read and kept, but not put to use yet."""
    fields = named(rows(PAGE, "Field", "State"), "Field")
    assert names_of(fields, HERE) <= set(RunCreate.model_fields) <= set(fields)


def test_every_key_of_langgraph_json_stands_there() -> None:
    keys = named(rows(PAGE, "Key", "State"), "Key")
    sections = {name.partition(".")[0] for name in keys}
    assert sections == set(ProjectConfig.model_fields) | IGNORED_KEYS
    assert {name for name in names_of(keys, HERE) if name in IGNORED_KEYS} <= {"$schema"}


def test_every_variable_with_an_official_name_stands_there() -> None:
    variables = named(rows(PAGE, "Variable", "State"), "Variable")
    official = {name for name in known_names() if not name.startswith(OUR_PREFIX)}
    assert names_of(variables, HERE) == official
