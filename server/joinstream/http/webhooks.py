"""The log of webhooks. They are asked for with the runs they tell of."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.pages import Total
from joinstream.domain.webhooks import WebhookDelivery
from joinstream.http.headers import PAGINATION_NEXT, PAGINATION_TOTAL
from joinstream.http.pages import page_response
from joinstream.http.parse import path_uuid
from joinstream.http.respond import json_response
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.webhooks import DeliverySearch
from joinstream.http.services import services


async def search_deliveries(request: Request, body: DeliverySearch) -> Response:
    page, total = await services(request).webhooks.search(
        body.wanted(), limit=body.limit, offset=body.offset
    )
    return page_response(page, offset=body.offset, total=Total(total))


async def get_delivery(request: Request) -> Response:
    delivery_id = path_uuid(request, "delivery_id")
    return json_response(await services(request).webhooks.get(delivery_id))


async def send_again(request: Request) -> Response:
    delivery_id = path_uuid(request, "delivery_id")
    return json_response(await services(request).webhooks.send_again(delivery_id))


routes: list[Route] = [
    operation_with_body(
        "POST",
        "/webhooks/deliveries/search",
        search_deliveries,
        body=DeliverySearch,
        returns=list[WebhookDelivery],
        gives=(PAGINATION_TOTAL, PAGINATION_NEXT),
        summary="Search the log of webhooks, newest first",
    ),
    operation(
        "GET",
        "/webhooks/deliveries/{delivery_id}",
        get_delivery,
        returns=WebhookDelivery,
        summary="Get a webhook and what came of its attempts",
    ),
    operation(
        "POST",
        "/webhooks/deliveries/{delivery_id}/resend",
        send_again,
        returns=WebhookDelivery,
        summary="Send a webhook again, now",
    ),
]
