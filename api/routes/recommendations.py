"""What a person is recommended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api import deps, examples
from api.auth import scope
from api.schemas import RecommendationList
from recommend import query

router = APIRouter(tags=["recommendations"])


@router.get(
    "/customers/{id}/recommendations",
    dependencies=[scope("storefront", "marketer")],
    response_model_exclude_unset=True,
    responses=examples.answer(examples.RECOMMENDATIONS),
)
async def recommend(
    id: deps.CustomerInPath,
    engine: deps.TheEngine,
    *,
    limit: deps.Limit = 20,
    scenario: Annotated[
        str | None, Query(max_length=100, description="Name of the widget that asks. It changes nothing in the answer.")
    ] = None,
    category: deps.Category = None,
    exclude: Annotated[
        tuple[str, ...],
        Query(description="Products not to recommend: repeated, separated by commas, or both.", examples=[["p1,p2"]]),
    ] = (),
    context_product: Annotated[
        tuple[str, ...],
        Query(description="Products on the page or in the basket, written as in exclude.", examples=[["p2"]]),
    ] = (),
    explain: Annotated[bool, Query(description="Add the score of each scorer and what each rule dropped.")] = False,
) -> RecommendationList:
    """Products for one person, best first, each with its reasons.

    Somebody unknown gets what is popular. A list shorter than `limit` says in `dropped` which rules left no more.
    """
    asked = query.Query(
        customer=id,
        limit=limit,
        category=category,
        exclude=frozenset(deps.ids_of(exclude)),
        context=tuple(deps.ids_of(context_product)),
        explain=explain,
    )
    return RecommendationList.of(engine.recommend(asked), engine.settings.currency_digits)
