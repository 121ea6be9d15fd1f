"""The description of the API: valid, with true examples; and the page that shows it asks nothing of anybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from fastapi.testclient import TestClient

from loaders.shapes import EVENTS, FILES

Node = dict[str, Any]


@pytest.fixture
def described(reader: TestClient) -> Node:
    answer = reader.get("/openapi.json")
    assert answer.status_code == 200
    found: Node = answer.json()
    return found


def operations(described: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def examples(content: Node) -> list[Any]:
    media: Node = content["application/json"]
    return [media["example"]] if "example" in media else [one["value"] for one in media.get("examples", {}).values()]


def test_the_description_is_openapi(described: Node) -> None:
    assert described["openapi"].startswith("3.1")
    OpenAPI.model_validate(described)


def test_every_reference_leads_somewhere_and_nothing_is_left_over(described: Node) -> None:
    names = {reference.removeprefix("#/components/schemas/") for reference in references(described)}
    assert names == described["components"]["schemas"].keys()


def test_every_operation_is_described_with_an_example(described: Node) -> None:
    for method, path, operation in operations(described):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert operation["tags"], where
        assert {"4XX", "5XX"} <= operation["responses"].keys(), where
        if "204" not in operation["responses"]:
            assert examples(operation["responses"]["200"]["content"]), where
        if method in {"put", "post"} and "blocks" not in path:
            assert examples(operation["requestBody"]["content"]), where


def test_every_operation_has_its_own_id(described: Node) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(ids) == len(set(ids))


def test_every_parameter_is_explained(described: Node) -> None:
    for method, path, operation in operations(described):
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), f"{method} {path} {parameter['name']}"


def test_the_examples_of_bodies_are_accepted(client: TestClient, described: Node) -> None:
    for method, path, operation in operations(described):
        for body in examples(operation.get("requestBody", {}).get("content", {"application/json": {}})):
            answer = client.request(method, path.replace("{id}", "p9"), json=body)
            assert answer.status_code in {200, 201}, (path, answer.text)
            assert not answer.json().get("rejected")


def test_the_examples_of_answers_have_the_shape_of_answers(described: Node) -> None:
    """Each example has the same keys, in the same order, as what the schema of its answer declares."""
    schemas = described["components"]["schemas"]
    for method, path, operation in operations(described):
        for status in {"200", "201", "503"} & operation["responses"].keys():
            content = operation["responses"][status].get("content")
            if content is None:
                continue
            kinds = [name.rpartition("/")[2] for name in references(content)]
            declared = [[*schemas[kind]["properties"]] for kind in kinds]
            for example in examples(content):
                fits = [keys for keys in declared if [key for key in keys if key in example] == [*example]]
                assert fits, f"{method} {path} {status}"


def test_bodies_are_described_field_by_field(described: Node) -> None:
    schemas = described["components"]["schemas"]
    for name, shape in EVENTS.items():
        assert schemas[f"{name.capitalize()}Event"]["properties"].keys() == {"type", *shape.cells}
    for schema, file in (("CustomerBody", "customers"), ("ProductBody", "products"), ("FriendshipBody", "friends")):
        assert schemas[schema]["properties"].keys() == {*FILES[file].cells}
    assert schemas["EventBatch"]["properties"]["events"]["maxItems"] == 500


def test_the_page_asks_nothing_of_another_server(reader: TestClient) -> None:
    page = reader.get("/docs")
    parts = [reader.get(f"/{path}") for path in re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)]
    assert len(parts) == 3
    for answer in (page, *parts):
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
    ours = page.text + reader.get("/docs/start.js").text
    assert not re.search(r"(https?:)?//(?!\s)", ours)
    assert "<script>" not in ours
    assert "validatorUrl: null" in ours


def test_the_page_reads_the_description_of_this_server(reader: TestClient) -> None:
    assert 'url: "openapi.json"' in reader.get("/docs/start.js").text
    assert reader.get("/docs/start.js").headers["Content-Type"].startswith("text/javascript")
    assert reader.get("/docs/swagger-ui.css").headers["Content-Type"].startswith("text/css")
