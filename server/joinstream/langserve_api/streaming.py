"""`stream`, `stream_events`, `stream_log`: what comes of a graph while it is executed."""

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.stream_modes import StreamMode
from joinstream.http.header_selection import for_graphs
from joinstream.http.retelling import retold
from joinstream.http.run_outcome import outcome_of
from joinstream.http.services import services
from joinstream.langserve_api.asking import assistant_of, prepared
from joinstream.langserve_api.chunks import Chunks, ChunkShape
from joinstream.langserve_api.events import EVENTS, EventReader, Events
from joinstream.langserve_api.run_log import RunLog
from joinstream.langserve_api.schemas import CallRequest, SelectiveRequest
from joinstream.langserve_api.wire import DataStream, metadata_event
from joinstream.services.run_streams import RunStream


async def stream(request: Request, body: CallRequest) -> Response:
    created, shape = await _created(request, body)
    chunks = Chunks(shape, stateless=created.run.temporary)
    return _told(request, created, DataStream(chunks, metadata_event(created.run.run_id)))


async def stream_events(request: Request, body: SelectiveRequest) -> Response:
    created, reader = await _with_events(request, body)
    return _told(request, created, DataStream(Events(reader, body.selection)))


async def stream_log(request: Request, body: SelectiveRequest) -> Response:
    created, reader = await _with_events(request, body)
    return _told(request, created, DataStream(RunLog(reader, body.selection)))


async def _with_events(request: Request, body: CallRequest) -> tuple[RunStream, EventReader]:
    created, shape = await _created(request, body, EVENTS)
    return created, EventReader(created.run.run_id, shape)


async def _created(
    request: Request, body: CallRequest, *modes: StreamMode
) -> tuple[RunStream, ChunkShape]:
    """The call's run, with its stream of chunks and of these modes."""
    assistant = await assistant_of(request)
    usual = await services(request).assistant_graphs.stream_mode(assistant, for_graphs(request))
    shape = ChunkShape.of(body.arguments, usual)
    new = await prepared(
        request, assistant, body.input, body.config, body.arguments, (*modes, *shape.run_modes)
    )
    return await services(request).run_streams.create(new), shape


def _told(request: Request, created: RunStream, told: DataStream) -> Response:
    async def finish() -> bytes:
        return told.finish((await outcome_of(request, created.run)).failure)

    return retold(request, created, told, finish, cancel_on_disconnect=True)
