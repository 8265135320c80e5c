"""The routes of the Agent2Agent protocol."""

from starlette.routing import Route

from joinstream.a2a_api.card import get_card, get_card_of_server
from joinstream.a2a_api.dispatch import answer
from joinstream.a2a_api.wire import AgentCard, AgentRequest, CardQuery
from joinstream.errors import GraphUnusable, NotFound, TooManyRequests
from joinstream.http.headers import IDEMPOTENCY_KEY
from joinstream.http.json_rpc import Refusal, Success
from joinstream.http.routing import ApiRoute, Operation, operation
from joinstream.http.schemas.runs import ServerSentEvent

_agent = ApiRoute("/a2a/{assistant_id}", answer, methods=["POST"])
# it reads its body by itself: what is wrong with that, its clients are told in JSON-RPC
_agent.operation = Operation(
    "POST",
    body=AgentRequest,
    returns=Success | Refusal,
    or_as={"text/event-stream": ServerSentEvent},
    takes=(IDEMPOTENCY_KEY,),
    raises=(TooManyRequests,),
    summary="Speak the Agent2Agent protocol with an assistant",
)

routes: list[Route] = [
    _agent,
    *(
        operation(
            "GET",
            f"/a2a/{{assistant_id}}{path}",
            get_card,
            returns=AgentCard,
            raises=(GraphUnusable,),
            summary="Get the card of an assistant, as an agent",
        )
        for path in ("", "/.well-known/agent-card.json", "/.well-known/agent.json")
    ),
    operation(
        "GET",
        "/.well-known/agent-card.json",
        get_card_of_server,
        query=CardQuery,
        returns=AgentCard,
        raises=(NotFound, GraphUnusable),
        summary="Get the card of the agent that this server is known by",
    ),
]
