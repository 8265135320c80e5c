"""What a user's function wants."""

import inspect
import sys
from collections.abc import Callable
from typing import Any


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Its signature, also when some of its hints can never be evaluated."""
    if sys.version_info >= (3, 14):  # hints are evaluated late there, and some never can be
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)
