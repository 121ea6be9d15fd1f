"""Every error has its problem, every problem its page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.problems import HTTP_PROBLEMS, INTERNAL, PROBLEMS, from_error
from graph import errors
from graph.errors import Invalid, KithError, Unavailable

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "problems.md"
KINDS = [*PROBLEMS.values(), *HTTP_PROBLEMS.values(), INTERNAL]


def descendants(cls: type[KithError]) -> Iterator[type[KithError]]:
    for child in cls.__subclasses__():
        if child.__module__ == "graph.errors":
            yield child
            yield from descendants(child)


def test_every_error_of_the_tree_has_its_own_problem() -> None:
    assert set(descendants(KithError)) == set(PROBLEMS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_the_statuses_are_those_that_the_tree_draws() -> None:
    drawn = re.findall(r"─ (\w+) .*HTTP (\d{3})", errors.__doc__ or "")
    assert {name: int(status) for name, status in drawn} == {
        cls.__name__: kind.status for cls, kind in PROBLEMS.items()
    }


@pytest.mark.parametrize("cls", PROBLEMS)
def test_each_error_becomes_its_problem(cls: type[KithError]) -> None:
    answer = from_error(cls("what was wrong, and what to do"), "/v1/somewhere")
    kind = PROBLEMS[cls]
    body = json.loads(bytes(answer.body))
    expected = {
        "type": f"/problems/{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": "what was wrong, and what to do",
        "instance": "/v1/somewhere",
    }
    faults = [{"field": None, "message": "what was wrong, and what to do"}]
    assert body == (expected | {"errors": faults} if issubclass(cls, Invalid) else expected)
    assert (answer.status_code, answer.media_type) == (kind.status, "application/problem+json")


def test_an_error_without_a_problem_of_its_own_is_told_as_its_parent() -> None:
    class Full(Unavailable):
        pass

    assert from_error(Full("full"), "/").status_code == 503
    assert from_error(KithError("?"), "/").status_code == 500


def test_each_problem_has_a_heading_in_the_documentation() -> None:
    headings = re.findall(r"^## (\S+) \((\d{3})\)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [
        (kind.name, str(kind.status)) for kind in sorted(KINDS, key=lambda kind: (kind.status, kind.name))
    ]


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/", 404, "no-such-route"),
        ("GET", "/v1/trending/", 404, "no-such-route"),
        ("GET", "/v1/customers/a/b", 404, "no-such-route"),
        ("POST", "/v1/trending", 405, "method-not-allowed"),
        ("OPTIONS", "/v1/events", 405, "method-not-allowed"),
        ("GET", "/docs/../../etc/passwd", 404, "no-such-route"),
        ("GET", "/docs/..%2F..%2Fpyproject.toml", 404, "not-found"),
    ],
)
def test_a_wrong_address_is_a_problem(reader: TestClient, method: str, path: str, status: int, name: str) -> None:
    answer = reader.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{name}")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_wrong_method_names_the_right_ones(reader: TestClient) -> None:
    assert reader.post("/v1/trending").headers["Allow"] == "GET"
    assert reader.post("/v1/products/a%2Fb").headers["Allow"] == "DELETE, GET, PUT"
