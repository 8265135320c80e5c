"""Identity: who calls, and what that caller may do. Off unless it is configured.

::

    request ─► Authentication (middleware) ─► routes ─► services ─► store
                   │   Caller                             │            ▲
                   │     in a context variable            │ Filter ────┘  where metadata @> any (…)
                   ▼                                      ▼
               authenticator                    Access.authorize(resource, action, value)
               HandlerAuthenticator | ApiKeys             │
                                                          ▼
                                                `on` handlers, the most specific one

- `authority` reads what is configured: `auth.path` of langgraph.json, whose `Auth` object is the
  official SDK's, or `JOINSTREAM_API_KEYS`. Nothing configured means no middleware at all.
- `middleware` stands before every route but the probes and the documents. What it cannot find it
  does not tell either: an unknown path is a 401 for those who are nobody.
- `authenticator` calls the `@auth.authenticate` handler with the arguments it names, `dependencies`
  with what FastAPI's `Depends` gives; `users` makes a `Caller` of whatever it returns.
- `access` asks the `@auth.on` handlers. Services know it by the port `ports.access.Access`.
- A handler's filter is compiled (`domain.access`) into jsonb documents and goes into the very
  statement that reads or writes. There is no moment between asking and doing, and whatever a caller
  may not see is as if it did not exist: 404, or 409 for the id that is taken.

Failing closed: an action that no handler is for is denied, unless
JOINSTREAM_AUTH_DEFAULT_ALLOW restores the official server's way; a handler that fails, or returns
what is no answer, is a 500; a service that asks outside of a request gets an error.

Runs keep their caller in `config.configurable`, so that graphs, and the workers they execute on,
know it. Nothing in here logs a header, a key or a user.
"""
