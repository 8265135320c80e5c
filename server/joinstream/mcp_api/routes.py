"""The route of the Model Context Protocol."""

from starlette.routing import Route

from joinstream.http.json_rpc import Refusal, Success
from joinstream.http.routing import ApiRoute, Operation
from joinstream.http.schemas.runs import ServerSentEvent
from joinstream.mcp_api.dispatch import answer
from joinstream.mcp_api.wire import Message

_endpoint = ApiRoute("/mcp", answer, methods=["POST"])
# it reads its body by itself: what is wrong with that, its clients are told in JSON-RPC
_endpoint.operation = Operation(
    "POST",
    body=Message,
    returns=Success | Refusal,
    or_else={202: None, 400: Refusal, 404: Refusal},
    or_as={"text/event-stream": ServerSentEvent},
    summary="Speak the Model Context Protocol: graphs are tools",
)

routes: list[Route] = [_endpoint]
