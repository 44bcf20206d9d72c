"""Settings: a TOML file, over it the environment (`DUALBLOCK_*`), checked whole before anything starts.

    bootstrap = "kafka-1:9092,kafka-2:9092"
    publication_key_id = "2025-12"
    publication_key_file = "/etc/dualblock/publication.key"
    state_key_file = "/etc/dualblock/state.key"
    [partitions]
    messages = 24
    [security]
    "security.protocol" = "SSL"

A nested setting is `DUALBLOCK_PARTITIONS__MESSAGES` in the environment.
"""

from __future__ import annotations

import difflib
import os
import socket
import tomllib
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.errors import ConfigError

DEFAULT_FILE = Path("dualblock.toml")
PREFIX = "DUALBLOCK_"
KEY_BYTES = 32
#: Known to everybody who reads this source: for replays and demonstrations, never for people's numbers.
DEMO_KEYS = ("demo", b"dualblock demo publication key, ", b"dualblock demo state key, known.")
_NOT_SETTINGS = ("CONFIG", "CACHE")
_SECRET_WORDS = ("password", "secret", "sasl.jaas", "key.pem", "oauth")
_NO_MASK = ("publication_key_id", "publication_key_file", "state_key_file", "certificate_key_file")


class KeyMaterial(NamedTuple):
    """The keys that pseudonyms are made with. publication_id: at most 8 characters, shown in every pseudonym."""

    publication_id: str
    publication: bytes
    state: bytes
    partners: tuple[tuple[str, bytes], ...] = ()


class Partner(BaseModel):
    """A carrier that we share blacklists with.

    public_key_file: PEM, its lists are signed with. shared_key_file: 32 bytes in hex that both hold; people's numbers
    stand on lists under it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    public_key_file: Path | None = None
    shared_key_file: Path | None = None


class Blacklist(BaseModel):
    """Blacklists: what we are called in our own, the key that they are signed with (PEM), and whose we take.

    metrics_dir: where `blacklist import` and `publish` leave what they did, for the node exporter's textfile collector.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] | None = None
    signing_key_file: Path | None = None
    metrics_dir: Path | None = None
    partners: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], Partner] = {}

    def shared_keys(self) -> tuple[tuple[str, bytes], ...]:
        """(partner, key), by name. Raises ConfigError."""
        found = (
            (name, _key(f"blacklist.partners.{name}.shared_key", None, partner.shared_key_file))
            for name, partner in sorted(self.partners.items())
            if partner.shared_key_file is not None
        )
        return tuple(found)


class Partitions(BaseModel):
    """Partition counts; topics of one group have the same, so that their keys lie side by side."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: Annotated[int, Field(ge=1, le=1000)] = 12
    registry: Annotated[int, Field(ge=1, le=1000)] = 6
    reputation: Annotated[int, Field(ge=1, le=1000)] = 6
    single: Annotated[int, Field(ge=1, le=1)] = 1


class Api(BaseModel):
    """The verification API. Certificate and key make it TLS; with `client_ca` callers need a certificate, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8443
    keys_file: Path | None = None
    certificate_file: Path | None = None
    certificate_key_file: Path | None = None
    client_ca_file: Path | None = None
    #: Networks of load balancers that begin each connection with a PROXY protocol header.
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    questions_per_second: Annotated[float, Field(gt=0, le=1_000_000)] = 2_000

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate_file is None) != (self.certificate_key_file is None):
            raise ValueError("certificate_file and certificate_key_file go together")
        if self.client_ca_file is not None and self.certificate_file is None:
            raise ValueError("client_ca_file needs certificate_file")
        return self


class Settings(BaseSettings):
    """Everything that an operator decides. Times in the unit of the name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, str_strip_whitespace=True
    )

    bootstrap: Annotated[str, Field(min_length=3)] = "127.0.0.1:9092"
    prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{0,80}$")] = "dualblock."
    jurisdiction: Literal["kr", "vn", "cn", "in", "es", "sg", "nanp", "generic"] = "kr"
    state_dir: Path = Path("state")
    instance: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,80}$")] = f"{socket.gethostname()[:60]}-0"
    publication_key_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,8}$")] | None = None
    publication_key_hex: SecretStr | None = None
    publication_key_file: Path | None = None
    state_key_hex: SecretStr | None = None
    state_key_file: Path | None = None
    allow_demo_keys: bool = False
    partitions: Partitions = Partitions()
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    #: Whether gates tell the step `recent` what they delivered; off, no report is joined or found "not received".
    tell_deliveries: bool = True
    #: Whether gates tell the step `behaviour` what accounts and lines send; off, no rule of behaviour is judged.
    tell_shapes: bool = True
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    security: dict[str, str] = {}
    api: Api = Api()
    blacklist: Blacklist = Blacklist()

    @field_validator("security")
    @classmethod
    def _only_security(cls, given: dict[str, str]) -> dict[str, str]:
        wrong = [k for k in given if not k.startswith(("security.", "ssl.", "sasl.", "enable.ssl."))]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: only security.*, ssl.* and sasl.* settings of librdkafka go here")
        return given

    @field_validator("state_dir", "publication_key_file", "state_key_file")
    @classmethod
    def _no_nul(cls, given: Path | None) -> Path | None:
        if given is not None and "\x00" in str(given):
            raise ValueError("a path holds no NUL")
        return given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over what the file said (which comes in as arguments)."""
        return env_settings, init_settings

    def keys(self, *, demo: bool = False) -> KeyMaterial:
        """The configured keys, or the demo keys where they are allowed: `demo` (replays) or `allow_demo_keys`.

        Raises ConfigError.
        """
        named = (self.publication_key_id, self.publication_key_hex, self.publication_key_file)
        if not any((*named, self.state_key_hex, self.state_key_file)):
            if demo or self.allow_demo_keys:
                return KeyMaterial(*DEMO_KEYS, self.blacklist.shared_keys())
            raise ConfigError(
                "No keys are configured: set publication_key_id, publication_key_file and state_key_file (32 bytes "
                "each, e.g. from `openssl rand -hex 32`), or allow_demo_keys = true to try it out."
            )
        publication = _key("publication_key", self.publication_key_hex, self.publication_key_file)
        if self.publication_key_id is None:
            raise ConfigError("publication_key_id is missing: pseudonyms name their key, give it up to 8 characters.")
        state = _key("state_key", self.state_key_hex, self.state_key_file)
        if publication == state:
            raise ConfigError("publication_key and state_key are the same: the first rotates, the second must not.")
        return KeyMaterial(self.publication_key_id, publication, state, self.blacklist.shared_keys())


def _key(name: str, given: SecretStr | None, file: Path | None) -> bytes:
    if given is not None and file is not None:
        raise ConfigError(f"{name}_hex and {name}_file are both set: leave one out.")
    if given is not None:
        text = given.get_secret_value()
    elif file is not None:
        try:
            text = file.read_bytes().decode("ascii", "replace").strip()
        except OSError as error:
            raise ConfigError(f"{name}_file {file} can't be read ({error.strerror}): name a readable file.") from error
    else:
        raise ConfigError(f"{name} is missing: set {name}_file or {name}_hex ({KEY_BYTES} bytes).")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{name} must be {KEY_BYTES} bytes, written as {2 * KEY_BYTES} hex digits.")
    return key


def load(file: Path | None = None) -> Settings:
    """The settings of file and environment. `file`: as given by the user; None looks at DUALBLOCK_CONFIG and then for
    ./dualblock.toml.

    Raises ConfigError, one sentence a line.
    """
    data = _read(file)
    # As arguments these would steer the library: read another file, parse the command line.
    ours = {name: value for name, value in data.items() if not name.startswith("_")}
    problems = [*_misspelt(), *(_sentence((name,), "", "extra_forbidden") for name in data if name not in ours)]
    try:
        settings = Settings(**ours)
    except ValidationError as error:
        problems += [_sentence(e["loc"], e["msg"], e["type"]) for e in error.errors()]
    except ValueError as error:  # an environment variable that should be JSON
        problems.append(f"{error}.")
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def _read(file: Path | None) -> dict[str, Any]:
    named = file or (Path(held) if (held := os.environ.get(PREFIX + "CONFIG")) else None)
    if named is None and not DEFAULT_FILE.exists():
        return {}
    path = named or DEFAULT_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} can't be read ({error.strerror}): name an existing file with --config.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no TOML: {error}.") from error


def _misspelt() -> Iterator[str]:
    """Variables that look like a setting and are none: a typo must not silently leave a default."""
    known = [name.upper() for name in Settings.model_fields]
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX).partition("__")[0]
        if not variable.startswith(PREFIX) or name in known or name in _NOT_SETTINGS:
            continue
        if near := difflib.get_close_matches(name, known, 1, 0.8):
            yield f"{variable} is no setting: did you mean {PREFIX}{near[0]}?"


def _sentence(place: tuple[int | str, ...], message: str, kind: str) -> str:
    name = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, 1)
        return f"{name} is no setting: {f'did you mean {near[0]}?' if near else 'take it out.'}"
    return f"{name}: {message.removeprefix('Value error, ')}."


def problems_of(settings: Settings) -> list[str]:
    """What would stop a component with these settings, one sentence each."""
    found: list[str] = []
    try:
        settings.keys()
    except ConfigError as error:
        found.append(str(error))
    if settings.state_dir.exists() and not settings.state_dir.is_dir():
        found.append(f"state_dir {settings.state_dir} is a file: name a directory.")
    return found


def shown(settings: Settings) -> dict[str, str]:
    """Every setting as text, secrets masked, for `config check`."""
    flat: dict[str, str] = {}
    for name, value in settings.model_dump().items():
        if isinstance(value, dict):
            flat |= {f"{name}.{k}": _masked(str(k), v) for k, v in value.items()} or {name: "{}"}
        else:
            flat[name] = _masked(name, value)
    return flat


def _masked(name: str, value: Any) -> str:
    secret = isinstance(value, SecretStr) or (name not in _NO_MASK and any(w in name for w in _SECRET_WORDS))
    if value is None:
        return "-"
    return "********" if secret else str(value).lower() if isinstance(value, bool) else str(value)
