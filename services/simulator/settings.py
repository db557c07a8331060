"""What the simulator takes from the environment (prefix APICONNECT_SIMULATOR_)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SimulatorSettings(BaseSettings):
    """Ports of 0 mean: pick a free one. Times in the settings are milliseconds or seconds as named."""

    model_config = SettingsConfigDict(env_prefix="APICONNECT_SIMULATOR_", frozen=True)

    host: str = "127.0.0.1"
    http_port: int = 0
    https_port: int = 0
    ca_file: Path | None = Field(default=None, description="Where the CA's PEM goes; None: a new temporary folder.")
    authority_file: Path | None = Field(
        default=None, description="PEM of an authority that issues the server's certificate, for the extra names only."
    )
    authority_key_file: Path | None = Field(default=None, description="That authority's private key, as PEM.")
    extra_names: tuple[str, ...] = Field(default=(), description="Further DNS names or addresses of the certificate.")
    token_lifetime_seconds: int = 3599
    latency_ms: float = 0.0
    seed: int = 1
    enforce_limits: bool = True
    own_process: bool = Field(default=False, description="start(): run in a process of its own, not in a thread.")
