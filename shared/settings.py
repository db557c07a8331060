"""What a process takes from the environment, in sections. The only reader of `os.environ`.

Each variable is `APICONNECT_<NAME>`; `APICONNECT_<NAME>_FILE` names a file that holds the value instead (docker secrets).
A missing one stops the process with its name.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "APICONNECT_"


class SettingsMissing(SystemExit):
    """The environment does not hold what the process needs; the text names each variable and the reason."""


class _FileVariants(PydanticBaseSettingsSource):
    """Reads `<NAME>_FILE` variables."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(name)
        try:
            return (Path(path).read_text("utf-8").strip() if path else None), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsMissing(f"settings: {name}: {path} can't be read: {type(error).__name__}") from None

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Section(BaseSettings):
    """A group of settings that several services share."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FileVariants(settings_cls)

    @classmethod
    def is_set(cls, field: str) -> bool:
        """Whether the environment holds this field, or names a file for it: for what a process can do without."""
        name = f"{PREFIX}{field.upper()}"
        return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))

    @classmethod
    def read(cls) -> Self:
        """The section from the environment. Raises SettingsMissing, naming each variable that is absent or wrong."""
        try:
            return cls()
        except ValidationError as error:
            lines = [
                f"{PREFIX}{'.'.join(str(part) for part in fault['loc']).upper()} (or …_FILE): {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
            raise SettingsMissing("settings: " + "; ".join(lines)) from None


class DatabaseSettings(Section):
    """PostgreSQL."""

    database_url: SecretStr = Field(description="postgresql://user:password@host:5432/name?sslmode=…")
    database_connections: int = Field(default=8, ge=1, le=200)


class BrokerSettings(Section):
    """RabbitMQ."""

    rabbitmq_url: SecretStr = Field(description="amqp://user:password@host:5672/vhost, or amqps://")
    rabbitmq_ca_file: str | None = Field(default=None, description="CA of an amqps:// broker")
    rabbitmq_creates: bool = Field(
        default=True, description="create exchanges and queues that are missing; false: wait until they are there"
    )


class ManagementSettings(Section):
    """RabbitMQ as those see it who make users at it, and how it is named to those outside."""

    rabbitmq_management_url: SecretStr = Field(
        default=SecretStr(""),
        description="http(s)://administrator:password@host:15672/api, for the users of integrations; empty: none",
    )
    rabbitmq_public_address: str = Field(
        default="",
        pattern=r"^(amqps?://)?[^/@\s]*$",
        description="host:port, or amqps://host:port, under which integrations reach RabbitMQ; empty: as we do",
    )


class SealingSettings(Section):
    """Keys that seal secrets at rest."""

    sealing_keys: SecretStr = Field(
        description="`id:base64 of 32 bytes`, comma-separated; the first seals, all of them open (rotation)"
    )


class ProviderSettings(Section):
    """How the providers' APIs are reached."""

    provider_ca_file: str | None = Field(default=None, description="CA bundle for provider hosts; default: certifi's")
    provider_connect_timeout: float = Field(default=10.0, gt=0)
    provider_read_timeout: float = Field(default=60.0, gt=0)


class TelemetrySettings(Section):
    """Logs, metrics and traces."""

    log_level: str = Field(default="INFO")
    log_format: str = Field(default="json", pattern="^(json|text)$")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="HTTP: /healthz, /readyz, /metrics; 0: none")
    otlp_endpoint: str | None = Field(
        default=None, description="traces, as OTLP over HTTP: http://collector:4318/v1/traces; needs the extra otlp"
    )


class Place(BaseModel):
    """A page that a person may look at. inside: host:port as this process reaches it. absent: how to start it."""

    name: str
    url: str
    inside: str
    note: str = ""
    absent: str = ""


class PlaceSettings(Section):
    """Where the pages of an installation are."""

    places: tuple[Place, ...] = Field(default=(), description="JSON: name, url, inside, note, absent of each page")


class ProcessSettings(DatabaseSettings, BrokerSettings, TelemetrySettings):
    """What every service takes from the environment."""


def instance_name() -> str:
    """Names this process for leases, heartbeats and consumer tags: host and process id."""
    return f"{socket.gethostname()}-{os.getpid()}"


def child_environment(**added: str) -> dict[str, str]:
    """This process's environment with more, for a program that is started."""
    return {**os.environ, **added}


def secret_from_environment(name: str) -> str | None:
    """The value of a variable that an operator's document names for a secret; None if it is not set."""
    return os.environ.get(name)
