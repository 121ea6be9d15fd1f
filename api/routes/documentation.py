"""The description of the API for programs and for people; no page of it asks anything of another server."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from api.auth import scope
from graph.errors import NotFound

router = APIRouter(include_in_schema=False)

_READER = [scope("storefront", "marketer", "analyst")]
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {"Content-Security-Policy": _POLICY}
_VENDORED = ("swagger-ui.css", "swagger-ui-bundle.js")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Kith API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

_START = """SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
"""


@router.get("/openapi.json", dependencies=_READER)
async def openapi(request: Request) -> dict[str, Any]:
    """The API in OpenAPI 3.1."""
    described: dict[str, Any] = request.app.openapi()
    return described


@router.get("/docs", dependencies=_READER)
async def page() -> Response:
    """The API for people."""
    return HTMLResponse(_PAGE, headers=_HEADERS)


@router.get("/docs/{name}", dependencies=_READER)
async def asset(name: str) -> Response:
    """What the page is made of."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=_HEADERS)
    if name not in _VENDORED:
        raise NotFound(f"the documentation has no file {name!r}")
    with as_file(files("fastapi_offline") / "static" / name) as path:
        return FileResponse(path, headers=_HEADERS)
