"""How others are told of runs."""

from typing import Annotated

from pydantic import Field, PositiveInt, SecretStr, field_validator

from joinstream.domain.webhooks import signing_key
from joinstream.settings.section import Section, variable


class Webhooks(Section):
    """What is told to others when a run ends."""

    webhook_secret: SecretStr | None = variable(
        "JOINSTREAM_WEBHOOK_SECRET",
        default=None,
        description="""Secret with which webhooks are signed, as the Standard Webhooks specification
        has it: `whsec_` and base64, or any text. Unset: they are not signed.""",
    )
    webhook_attempts: PositiveInt = variable(
        "JOINSTREAM_WEBHOOK_ATTEMPTS",
        default=8,
        description="How often a webhook is tried before it is given up.",
    )
    webhook_retry_seconds: Annotated[float, Field(gt=0)] = variable(
        "JOINSTREAM_WEBHOOK_RETRY_SECONDS",
        default=5.0,
        description="""Seconds to wait after the first failed attempt; three times longer after each
        further one, up to an hour.""",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            signing_key(secret.get_secret_value())
        return secret
