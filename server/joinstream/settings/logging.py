"""What the server tells of itself."""

import os
from typing import Any, Literal

from pydantic import field_validator

from joinstream.settings.section import Section, variable

_OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Logging(Section):
    """What the server says about itself."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = variable(
        "LOG_LEVEL", default="INFO", description="Least severity that is logged."
    )
    log_json: bool = variable(
        "LOG_JSON", default=False, description="One JSON object a line instead of readable text."
    )
    log_color: bool = variable(
        "LOG_COLOR", default=True, description="Colours in readable text on a terminal."
    )

    otel_enabled: bool | None = variable(
        "OTEL_ENABLED",
        default=None,
        description="""Whether traces are sent by OTLP; needs the extra `otel`. Unset: when
        OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set. Those and the
        other standard variables of OpenTelemetry say where to, and how.""",
    )

    @property
    def traces(self) -> bool:
        """Whether spans are to be sent."""
        if self.otel_enabled is not None:
            return self.otel_enabled
        return any(os.environ.get(name) for name in _OTLP_ENDPOINTS)

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value
