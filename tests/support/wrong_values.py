"""Bodies and parameters with exactly one fault each, made of the API document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
Path = tuple[str | int, ...]

_OF_EACH_TYPE: dict[str, Any] = {
    "string": "text",
    "boolean": True,
    "integer": 7,
    "number": 7.5,
    "object": {"unexpected": 1},
    "array": [{"unexpected": 1}],
}
_RESTRICTIONS = {"enum", "const", "format", "pattern"}


@dataclass(frozen=True)
class Fault:
    """`field` is how the field at fault is called in an answer."""

    field: str
    value: Any


class Document:
    """The API document, with its references followed."""

    def __init__(self, document: Schema) -> None:
        self._document = document

    def faulty_bodies(self, schema: Schema) -> Iterator[Fault]:
        """The smallest body there may be, with one value at a time that may not."""
        for path, wrong in self._faults(schema):
            if path:
                yield Fault(_name(path), self._body(schema, path, wrong))

    def fields_of_any_type(self, schema: Schema) -> set[str]:
        """Fields that no value is wrong for."""
        fields = {path for path, field in self._fields(schema) if not list(self._wrong(field))}
        return {_name(path) for path in fields if path}

    def faulty_parameters(self, parameter: Schema) -> Iterator[Fault]:
        """Texts that one parameter of a query, a path or a header may not have."""
        schema, name = parameter["schema"], parameter["name"]
        kinds = self._types(schema)
        if "array" in kinds:
            if all(self._is_no_free_text(item) for item in self._items(schema)):
                yield Fault(f"{name}[0]", "nonsense")
        elif self._is_no_free_text(schema):
            yield Fault(name, "nonsense")
        for bound in self._out_of_bounds(schema):
            yield Fault(name, str(bound))

    def _faults(self, schema: Schema) -> Iterator[tuple[Path, Any]]:
        for path, field in self._fields(schema):
            for wrong in self._wrong(field):
                yield path, wrong

    def _fields(self, schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
        """Every field, also of objects and lists inside."""
        yield path, schema
        for kind in self._kinds(schema):
            for name, field in kind.get("properties", {}).items():
                yield from self._fields(field, (*path, name))
            if "items" in kind:
                yield from self._fields(kind["items"], (*path, 0))

    def _wrong(self, schema: Schema) -> Iterator[Any]:
        types = self._types(schema)
        for type_, value in _OF_EACH_TYPE.items():
            if type_ not in types and not (type_ == "integer" and "number" in types):
                yield value
        texts = [kind for kind in self._kinds(schema) if kind.get("type") == "string"]
        if texts and all(text.keys() & _RESTRICTIONS for text in texts):
            yield "nonsense"
        yield from self._out_of_bounds(schema)

    def _out_of_bounds(self, schema: Schema) -> Iterator[float]:
        numbers = [
            kind for kind in self._kinds(schema) if kind.get("type") in ("integer", "number")
        ]
        for number in numbers:
            if "minimum" in number:
                yield number["minimum"] - 1
            if "exclusiveMinimum" in number:
                yield number["exclusiveMinimum"]
            if "maximum" in number:
                yield number["maximum"] + 1

    def _types(self, schema: Schema) -> frozenset[str]:
        kinds = list(self._kinds(schema))
        if not all("type" in kind for kind in kinds):
            return frozenset(_OF_EACH_TYPE)
        return frozenset(kind["type"] for kind in kinds)

    def _is_no_free_text(self, schema: Schema) -> bool:
        kinds = self._kinds(schema)
        return all(kind["type"] != "string" or kind.keys() & _RESTRICTIONS for kind in kinds)

    def _items(self, schema: Schema) -> list[Schema]:
        return [kind["items"] for kind in self._kinds(schema) if "items" in kind]

    def _kinds(self, schema: Schema) -> Iterator[Schema]:
        """What a value may be, each alternative by itself."""
        if "$ref" in schema:
            yield from self._kinds(self._referred(schema["$ref"]))
        elif "anyOf" in schema:
            for kind in schema["anyOf"]:
                yield from self._kinds(kind)
        else:
            yield schema

    def _referred(self, reference: str) -> Schema:
        found: Schema = self._document["components"]["schemas"][reference.rpartition("/")[2]]
        return found

    def _body(self, schema: Schema, path: Path, wrong: Any) -> Any:
        """The smallest body with this value at the path."""
        if not path:
            return wrong
        step, rest = path[0], path[1:]
        for kind in self._kinds(schema):
            if isinstance(step, int) and "items" in kind:
                return [self._body(kind["items"], rest, wrong)]
            if step in kind.get("properties", {}):
                smallest = self._smallest(kind)
                return {**smallest, step: self._body(kind["properties"][step], rest, wrong)}
        raise AssertionError(f"nothing in {schema} leads on to {step}")

    def _smallest(self, schema: Schema) -> Any:
        kind = next(self._kinds(schema))
        if kind.get("type") == "object":
            required = kind.get("required", ())
            return {name: self._smallest(kind["properties"][name]) for name in required}
        if kind.get("type") == "array":
            return [self._smallest(kind["items"])] * kind.get("minItems", 0)
        return kind.get("minimum", _OF_EACH_TYPE[kind.get("type", "string")])


def _name(path: Path) -> str:
    name = ""
    for step in path:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    return name
