"""Who may call what. Every route is tried with every key; a route that declares nothing is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route

from api.app import create_app
from api.auth import ANYBODY, declared, scope
from engine.engine import Engine
from engine.keys import SCOPES, Scope
from engine.settings import Settings

WRITERS = {"storefront", "admin"}
READERS = {"storefront", "marketer", "analyst", "admin"}
PEOPLE = {"storefront", "marketer", "admin"}
ANYONE = {None, "wrong", *SCOPES}

EXPECTED: dict[tuple[str, str], set[str] | set[str | None]] = {
    ("GET", "/healthz"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("GET", "/docs"): READERS,
    ("GET", "/docs/{name}"): READERS,
    ("GET", "/openapi.json"): READERS,
    ("GET", "/v1/customers/{id}/recommendations"): PEOPLE,
    ("GET", "/v1/products/{id}/friends"): PEOPLE,
    ("GET", "/v1/products/{id}/similar"): READERS,
    ("GET", "/v1/trending"): READERS,
    ("PUT", "/v1/products/{id}"): WRITERS,
    ("GET", "/v1/products/{id}"): READERS,
    ("DELETE", "/v1/products/{id}"): {"admin"},
    ("PUT", "/v1/customers/{id}"): WRITERS,
    ("GET", "/v1/customers/{id}"): PEOPLE,
    ("DELETE", "/v1/customers/{id}"): {"admin"},
    ("PUT", "/v1/customers/{id}/blocks/{other}"): WRITERS,
    ("DELETE", "/v1/customers/{id}/blocks/{other}"): WRITERS,
    ("PUT", "/v1/friendships"): WRITERS,
    ("GET", "/v1/friendships"): WRITERS,
    ("DELETE", "/v1/friendships"): WRITERS,
    ("POST", "/v1/events"): WRITERS,
}
"""Who gets in; written out a second time on purpose."""

QUERIES = {"/v1/products/{id}/friends": "?customer=c1", "/v1/friendships": "?customer=c1&friend=f1"}


def routes(app: FastAPI) -> Iterator[tuple[str, str, BaseRoute]]:
    """Method, path and route of everything that answers."""
    for context in iter_route_contexts(app.routes):
        for method in getattr(context, "methods", None) or {"*"}:
            yield method, str(getattr(context, "path", context)), context.original_route


def undeclared(app: FastAPI) -> list[str]:
    return [path for _, path, route in routes(app) if declared(route) is None]


@pytest.fixture
def app() -> FastAPI:
    engine = Engine.open(Settings(store="memory://"))
    engine.close()
    return create_app(engine)


def test_every_route_declares_who_may_call_it(app: FastAPI) -> None:
    assert undeclared(app) == []


@pytest.mark.parametrize("kind", ["api", "included", "raw", "mounted"])
def test_a_route_that_declares_nothing_is_found(app: FastAPI, kind: str) -> None:
    router = APIRouter()
    router.add_api_route("/open", lambda: None)
    if kind == "included":
        app.include_router(router)
    else:
        route: BaseRoute = {
            "api": APIRoute("/open", lambda: None),
            "raw": Route("/open", PlainTextResponse("hello")),
            "mounted": Mount("/open", PlainTextResponse("hello")),
        }[kind]
        app.router.routes.append(route)
    assert len(undeclared(app)) == 1


def test_a_route_that_declares_two_things_is_found(app: FastAPI) -> None:
    app.router.routes.append(APIRoute("/open", lambda: None, dependencies=[ANYBODY, scope("admin")]))
    assert undeclared(app) == ["/open"]


def test_the_routes_are_those_that_the_table_names(app: FastAPI) -> None:
    assert {(method, path) for method, path, _ in routes(app)} == set(EXPECTED)


def call(client: TestClient, method: str, path: str, key: str | None) -> tuple[int, str]:
    address = path.replace("{id}", "c1").replace("{other}", "f1").replace("{name}", "start.js") + QUERIES.get(path, "")
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = {"json": {}} if method in {"PUT", "POST"} else {}
    answer = client.request(method, address, headers=headers, **body)  # type: ignore[arg-type]  # json alone
    return answer.status_code, answer.headers.get("WWW-Authenticate", "")


def test_each_key_opens_its_routes_and_no_other(engine: Engine, client: TestClient) -> None:
    keys: dict[str | None, str | None] = {scope: engine.keys.create(scope, [scope])[0] for scope in SCOPES}
    keys |= {None: None, "wrong": f"kith_00000000_{'0' * 72}"}
    for (method, path), allowed in EXPECTED.items():
        for name, key in keys.items():
            status, asked = call(client, method, path, key)
            if name in allowed:
                assert status not in {401, 403}, (method, path, name)
            elif name in SCOPES:
                assert status == 403, (method, path, name)
            else:
                assert (status, asked) == (401, 'Bearer realm="kith"'), (method, path, name)


def test_without_keys_every_route_is_open_to_this_machine(client: TestClient) -> None:
    for method, path in EXPECTED:
        assert call(client, method, path, None)[0] not in {401, 403}, (method, path)


def test_a_key_made_or_revoked_acts_on_the_next_request(engine: Engine, client: TestClient) -> None:
    assert call(client, "GET", "/v1/trending", None)[0] == 200
    text, key = engine.keys.create("shop", ["storefront"])
    assert call(client, "GET", "/v1/trending", None)[0] == 401
    assert call(client, "GET", "/v1/trending", text)[0] == 200
    engine.keys.revoke(key.id)
    assert call(client, "GET", "/v1/trending", text)[0] == 401


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}x", "Bearer {} {}", "Bearer \xe9"]
)
def test_a_key_that_is_not_shown_properly_is_none(engine: Engine, client: TestClient, shown: str) -> None:
    text, _ = engine.keys.create("shop", ["storefront"])
    headers = {"Authorization": shown.format(text, text).encode("latin-1")}
    answer = client.get("/v1/trending", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/key-missing")
    assert text[14:40] not in answer.text


def test_a_refusal_names_the_scope_that_is_missing(engine: Engine, client: TestClient) -> None:
    text, _ = engine.keys.create("reports", ["analyst"])
    answer = client.delete("/v1/customers/c1", headers={"Authorization": f"Bearer {text}"})
    assert answer.json()["type"] == "/problems/not-allowed"
    assert "admin" in answer.json()["detail"]


def test_nothing_is_read_or_written_before_the_key_is_checked(engine: Engine, client: TestClient) -> None:
    engine.keys.create("shop", ["storefront"])
    before = engine.store.check()
    for body in (b"{", b'{"id": "e-1", "type": "view", "customer": "new", "product": "p9"}'):
        answer = client.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 401
    assert engine.store.check() == before


def test_several_scopes_open_what_each_of_them_opens(engine: Engine, client: TestClient) -> None:
    scopes: list[Scope] = ["analyst", "storefront"]
    text, _ = engine.keys.create("both", scopes)
    assert call(client, "POST", "/v1/events", text)[0] == 422
    assert call(client, "DELETE", "/v1/customers/{id}", text)[0] == 403
