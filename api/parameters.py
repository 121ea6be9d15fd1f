"""Names of parameters: a misspelt one would be ignored silently."""

from __future__ import annotations

import difflib

from fastapi import Request

from graph.errors import Invalid


def check_names(request: Request) -> None:
    """Refuse a parameter that the route does not know.

    Raises
    ------
    graph.errors.Invalid
        Names the nearest parameter that the route knows.
    """
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name[:60], known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known) or 'none'}"
            raise Invalid(f"there is no parameter {name[:60]!r} here; {hint}", field=name[:60])
