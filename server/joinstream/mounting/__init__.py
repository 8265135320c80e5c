"""Where the API lies, and what lies around it: everything that `http` of langgraph.json says.

::

    door.outermost     measures · answers the unexpected · tells browsers · mount prefix
        │
    mounted.Mounted    only with http.app: the user's application and its middleware
        │
    the API            its routes, less what is switched off, behind its guard

- `config` is the section as a model; `switches` takes the routes away that it does not want.
- `door` is the outermost application: prefix, CORS, probes at the root, headers for the log.
- `custom_app` loads the user's application and runs its lifespan; `mounted` puts the API into it
  and decides who answers; `exceptions` asks its handlers for the API's errors too.
- `documents` makes one API document of the API's, of what auth says, and of the application's.

Part of the composition: `app.py` puts these together, and nothing below knows of them.
"""
