"""The catalogue, and what is said of a product: who bought it, what is like it, what trends."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response

from api import bodies, deps, examples
from api.auth import scope
from api.schemas import Item, Product, ProductFriends, SimilarProducts, TrendingProducts
from graph import records
from graph.errors import NotFound
from loaders.events import parse_product

router = APIRouter(tags=["products"])


@router.get(
    "/products/{id}/friends",
    dependencies=[scope("storefront", "marketer")],
    responses=examples.answer(examples.FRIENDS),
)
async def friends_bought(
    id: deps.ProductInPath, customer: deps.CustomerInQuery, engine: deps.TheEngine
) -> ProductFriends:
    """Which friends of a customer bought this product, as far as those friends agreed to be counted or named."""
    return ProductFriends.of(engine.friends_bought(id, customer))


@router.get(
    "/products/{id}/similar",
    dependencies=[scope("storefront", "marketer", "analyst")],
    response_model_exclude_unset=True,
    responses=examples.answer(examples.SIMILAR),
)
async def similar(id: deps.ProductInPath, engine: deps.TheEngine, limit: deps.Limit = 20) -> SimilarProducts:
    """Products bought by the people who bought this one."""
    digits = engine.settings.currency_digits
    return SimilarProducts(product=id, items=[Item.of(item, digits) for item in engine.similar(id, limit)])


@router.get(
    "/trending",
    dependencies=[scope("storefront", "marketer", "analyst")],
    response_model_exclude_unset=True,
    responses=examples.answer(examples.TRENDING),
)
async def trending(engine: deps.TheEngine, limit: deps.Limit = 20, category: deps.Category = None) -> TrendingProducts:
    """Products that many people bought lately."""
    digits = engine.settings.currency_digits
    return TrendingProducts(items=[Item.of(item, digits) for item in engine.trending(limit, category)])


@router.put(
    "/products/{id}",
    dependencies=[scope("storefront")],
    responses=examples.answer(examples.PRODUCT),
    openapi_extra=bodies.request("Product", examples.PRODUCT_BODY),
)
async def put_product(id: deps.ProductInPath, payload: deps.JsonObject, engine: deps.TheEngine) -> Product:
    """Describe a product. The body replaces all that was known: what it leaves out is not known any more."""
    digits = engine.settings.currency_digits
    product = parse_product(id, bodies.named(payload, id), now=engine.now(), digits=digits)
    await run_sync(engine.write, [product])
    return Product.of(product, digits)


@router.get(
    "/products/{id}",
    dependencies=[scope("storefront", "marketer", "analyst")],
    responses=examples.answer(examples.PRODUCT),
)
async def get_product(id: deps.ProductInPath, engine: deps.TheEngine) -> Product:
    """A product as it was described."""
    product = await run_sync(engine.get, records.Product, (id,))
    if product is None or not product.described:
        raise NotFound(f"no product with the id {id!r} has been described; PUT /v1/products/{{id}} does that")
    return Product.of(product, engine.settings.currency_digits)


@router.delete("/products/{id}", status_code=204, response_class=Response, dependencies=[scope("admin")])
async def delete_product(id: deps.ProductInPath, engine: deps.TheEngine) -> None:
    """Take a product out of the catalogue: it is not recommended any more; events about it are kept."""
    await run_sync(engine.remove, records.Product, (id,))
