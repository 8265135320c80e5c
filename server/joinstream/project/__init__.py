"""A user's project: `langgraph.json`, the modules it names, and the graphs found in them.

::

    langgraph.json ──config──► ProjectConfig ──modules──► objects ──registry──► Project
                                                                                  │
                             one run, one read ◄── open_graph ◄── factories ──────┘

- `config` reads the file as the official CLI does and fails in one line that names the remedy.
- `modules` imports `./file.py:variable` or `package.module:variable` under the name the user's own
  code would import it by, so that pickles, type hints and sibling imports see one module.
- `factories` turns whatever a project may register (compiled graph, builder, entrypoint, factory)
  into a graph that is open for one use.
- `sections` reads the parts of the file that belong to other features into their models.
- `registry` keeps the graphs by id; `schemas` describes one as JSON schemas.

What is wrong with a project is found at start-up; what a factory does is its own affair, and its
errors reach the run that called it.
"""

from joinstream.project.config import ProjectConfig, apply_environment, read_config
from joinstream.project.modules import explain, load_object
from joinstream.project.registry import Project, load_project
from joinstream.project.schemas import GraphSchemas, graph_schemas
from joinstream.project.sections import read_section
from joinstream.project.signatures import signature_of

__all__ = [
    "GraphSchemas",
    "Project",
    "ProjectConfig",
    "apply_environment",
    "explain",
    "graph_schemas",
    "load_object",
    "load_project",
    "read_config",
    "read_section",
    "signature_of",
]
