"""Imports what `langgraph.json` points at, and says in one line why it could not.

A file is imported under the dotted name its own siblings would use for it (`agent`, or
`package.agent` where there are `__init__.py` files). Then a class is the same class however it was
reached, and its name in a checkpoint means the same on every host. Only when that name already
belongs to another module does the file get a name made from its path.
"""

import difflib
import importlib
import importlib.util
import re
import sys
import sysconfig
import traceback
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import joinstream
from joinstream.errors import StartupError

_LIBRARIES = (Path(sysconfig.get_path("stdlib")), Path(joinstream.__file__).parent)
_JAVASCRIPT = {".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"}


def load_object(target: str, folder: Path, what: str) -> Any:
    """Import `./file.py:variable` (relative to `folder`) or `package.module:variable`.

    `what` names the thing in error messages, as in `graph "agent"`. A module is executed once,
    however many targets name it. Raises StartupError with a one-line message.
    """
    source, colon, variable = target.rpartition(":")
    if not (source and colon and variable):
        raise StartupError(
            f"{what}: {target!r} names no variable; write ./file.py:variable or module:variable"
        )
    is_path = "/" in source or "\\" in source or source.endswith(".py")
    try:
        module = _import_file(folder / source, folder, what) if is_path else _import_name(source)
    except StartupError:
        raise
    except (Exception, SystemExit) as error:
        raise StartupError(_import_failure(what, source, folder, error)) from error
    return _attribute(module, variable, what, source)


def make_importable(folder: Path) -> None:
    """Append to sys.path, so that a user's file never hides an installed module."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def explain(error: BaseException, folder: Path) -> str:
    """What a user's code raised and in which line of it, as `KeyError: 'x' (agent.py:12)`."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{reason}{_users_line(folder, error)}"


def _import_name(name: str) -> ModuleType:
    return importlib.import_module(name)


def _import_file(path: Path, folder: Path, what: str) -> ModuleType:
    path = path.resolve()
    if path.suffix in _JAVASCRIPT:
        raise StartupError(f"{what}: {path.name} is JavaScript; joinstream runs Python graphs")
    if not path.is_file():
        raise StartupError(f"{what}: {path} does not exist{_similar_file(path)}")
    root, name = _natural_name(path)
    make_importable(root)
    if _resolves_to(name, path):
        return importlib.import_module(name)
    return _import_under(_unique_name(path, folder), path)


def _natural_name(path: Path) -> tuple[Path, str]:
    """The folder that has to be importable, and the dotted name of the file below it."""
    parts = [] if path.name == "__init__.py" else [path.stem]
    root = path.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


def _resolves_to(name: str, path: Path) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return False
        raise
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path


def _unique_name(path: Path, folder: Path) -> str:
    inside = path.is_relative_to(folder.resolve())
    readable = path.relative_to(folder.resolve()) if inside else Path(path.name)
    name = "_graph_" + re.sub(r"\W", "_", str(readable.with_suffix("")))
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) != str(path):
        name += "_" + sha256(str(path).encode()).hexdigest()[:8]
    return name


def _import_under(name: str, path: Path) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _attribute(module: ModuleType, variable: str, what: str, source: str) -> Any:
    try:
        return getattr(module, variable)
    except AttributeError:
        names = [name for name in vars(module) if not name.startswith("_")]
        close = difflib.get_close_matches(variable, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names) or 'nothing'}"
        raise StartupError(f"{what}: {source} has no variable {variable!r}; {hint}") from None


def _import_failure(what: str, source: str, folder: Path, error: BaseException) -> str:
    return f"{what}: {source} cannot be imported: {explain(error, folder)}{_cure(error)}"


def _users_line(folder: Path, error: BaseException) -> str:
    """The innermost line that was running outside the libraries, as ` (agent.py:12)`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({_short(Path(error.filename), folder)}:{error.lineno})"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_users(Path(frame.filename)):
            return f" ({_short(Path(frame.filename), folder)}:{frame.lineno})"
    return ""


def _is_users(file: Path) -> bool:
    if {"site-packages", "dist-packages"} & set(file.parts):
        return False
    return file.is_absolute() and not any(file.is_relative_to(library) for library in _LIBRARIES)


def _short(path: Path, folder: Path) -> str:
    inside = path.is_relative_to(folder.resolve())
    return str(path.relative_to(folder.resolve()) if inside else path)


def _cure(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return '; install it, or name its folder in "dependencies"'
    if isinstance(error, ImportError) and "relative import" in str(error):
        return "; put an __init__.py beside it, or import by the whole name"
    return ""


def _similar_file(path: Path) -> str:
    siblings = [sibling.name for sibling in path.parent.glob("*.py")]
    close = difflib.get_close_matches(path.name, siblings, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
