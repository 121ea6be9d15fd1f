"""JSON bodies, read strictly: what two parsers could understand differently is refused."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from fastapi import HTTPException, Request

from graph.errors import Invalid


async def json_body(request: Request) -> object:
    """The body as a JSON value.

    Raises
    ------
    graph.errors.Invalid
        It is not JSON in UTF-8, or holds a key twice, a number that is none, or half of a surrogate pair.
    graph.errors.TooLarge
        It is above the limit; raised while reading, see `api.guard`.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise HTTPException(415, f"send Content-Type: application/json, not {media_type or 'none'!r}")
    return parse(await request.body())


async def json_object(request: Request) -> dict[str, object]:
    """The body as a JSON object. Raises as `json_body`."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise Invalid("the body is not a JSON object")
    return body


def parse(raw: bytes) -> object:
    """A JSON value from bytes. Raises as `json_body`."""
    if not raw.strip():
        raise Invalid("the body is empty; send JSON")
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number, parse_float=_float
        )
        if b"\\ud" in raw.lower():
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise Invalid("the body is not UTF-8") from None
    except RecursionError:
        raise Invalid("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # an integer beyond what Python converts
        raise Invalid("the body holds a number with too many digits") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Invalid("the body has an object that names a key twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise Invalid(f"the body holds {name}, which is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Invalid("the body holds a number that is too large")
    return number
