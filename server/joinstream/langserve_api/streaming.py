"""`stream`: what a graph yields while it is executed."""

from starlette.requests import Request
from starlette.responses import Response

from joinstream.http.header_selection import for_graphs
from joinstream.http.retelling import retold
from joinstream.http.services import services
from joinstream.langserve_api.asking import assistant_of, prepared
from joinstream.langserve_api.chunks import Chunks, ChunkShape
from joinstream.langserve_api.outcome import outcome_of
from joinstream.langserve_api.schemas import CallKwargs, CallRequest
from joinstream.langserve_api.wire import DataStream, metadata_event
from joinstream.services.run_streams import RunStream


async def stream(request: Request, body: CallRequest) -> Response:
    shape = await _shape(request, body.arguments)
    new = await prepared(request, body.input, body.config, body.arguments, shape.run_modes)
    created = await services(request).run_streams.create(new)
    head = metadata_event(created.run.run_id)
    return _told(request, created, DataStream(Chunks(created.run, shape), head))


async def _shape(request: Request, kwargs: CallKwargs) -> ChunkShape:
    assistant = await assistant_of(request)
    graphs = services(request).assistant_graphs
    return ChunkShape.of(kwargs, await graphs.stream_mode(assistant, for_graphs(request)))


def _told(request: Request, created: RunStream, told: DataStream) -> Response:
    async def finish() -> bytes:
        return told.finish((await outcome_of(request, created.run)).failure)

    return retold(request, created, told, finish, cancel_on_disconnect=True)
