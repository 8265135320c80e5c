"""HTTP: reads a request, calls one use case, encodes the answer. No SQL, no Redis, no graph.

::

    request ─► ApiRoute ─► parse.query_as ─► handler ─► services(request).… ─► respond.json_response
                  │              body_as                      │
                  │                │                          └── RequestError
                  │                └── Unprocessable               │
                  ▼                    PayloadTooLarge             ▼
        openapi, /docs                         errors: {"detail": "<text>"} and the right status

A module per resource holds its handlers and, at its end, its `routes`. A route is made with
`operation` or `operation_with_body`, which is the one place that says what it takes and gives:
body and query are validated by it and `/openapi.json` is made of it.

- **Bodies** (`schemas/`): types are strict, unknown keys are ignored, null is the same as absent.
  Keys that only the server may set are dropped (`domain.reserved`), U+0000 becomes U+FFFD.
- **Queries** (`schemas/` too): text is read as the declared type, an empty value is none.
- **Refusals** are documented (`refusals`): those a route `raises`, and those that follow from what
  it takes.
- **Errors**: a handler raises a `RequestError` and never builds an error response. Whatever else
  comes up ends in `errors.UnexpectedErrors`: 503 when a backing service is away, else 500 with a
  request id that is also in the log. Both leave the connection alive.
- **Ids in paths** are UUIDs; where an assistant's stands, the name of a graph will do.
- **Pages** carry the true number of matches and the offset of the next page (`pages`).
- **Streams** are in `sse` and `run_streams`.
- **Other protocols** that stand on ours (`a2a_api`, `langserve_api`, `mcp_api`, `openai_api`) share
  `retelling`, a run's stream in their words; `foreground`, a request that waits for its run and
  takes it along when it leaves; `deltas` and `answer`, what a run says, piece by piece and in the
  end; and `json_rpc`.
"""
