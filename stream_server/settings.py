"""Where settings come from: flag > environment UNDERTONE_SECTION__KEY > undertone.toml > default.

A setting is declared once, as a field of the frozen dataclass of its section, beside the code that reads it, with its
bounds as annotations and one line of explanation as the string below it. Flags, environment names and the table in
docs/configuration.md derive from that. Unknown keys and bad values stop the start. A setting may be a list of tables,
or a table of them, whose keys are the fields of a msgspec Struct (`stream_server.tables`).
"""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Le
from pydantic import TypeAdapter, ValidationError

from history.settings import HistoryConfig
from metrics.settings import MetricsConfig
from monitor.gallery import RecognitionConfig
from monitor.rules import AlertsConfig
from monitor.session import MonitorConfig
from monitor.tracking import TrackingConfig
from notify.settings import NotifyConfig
from stream_server.tables import is_table, parse_table
from vad.endpointing import EndpointingConfig
from workbench.settings import WorkbenchConfig

ENV_PREFIX = "UNDERTONE_"
NOT_SETTINGS = ("UNDERTONE_DATA",)
"""Environment variables of ours that are no settings: where tests and benchmarks find recordings."""
DEFAULT_FILE = Path("undertone.toml")


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, where it came from, and what was expected."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Settings of the listening socket."""

    host: str = "127.0.0.1"
    "Address to listen on; 0.0.0.0 for all"
    port: Annotated[int, Ge(0), Le(65535)] = 8000
    "Port to listen on; 0 for any free one"
    public_url: str = ""
    "Where others reach this server, for links in what they are told: https://desk.example; empty: on this machine only"
    allowed_origins: tuple[str, ...] = ()
    "Other addresses whose pages may use this server, such as that of a proxy before it: https://desk.example"
    tls_cert: str = ""
    "Certificate file (PEM, with its chain) for HTTPS: browsers give a microphone to nothing else but localhost"
    tls_key: str = ""
    "Key file (PEM) of that certificate, without a passphrase; may be left out if it is in the same file"

    def __post_init__(self) -> None:
        if self.public_url and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise ValueError(f"public_url: {self.public_url!r} does not begin with http:// or https://")


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """Settings of live calls."""

    idle_timeout_s: Annotated[float, Gt(0), Le(86400)] = 60.0
    "Seconds without any audio after which a call is ended"
    max_call_s: Annotated[float, Gt(0), Le(86400)] = 8 * 3600.0
    "Longest call in seconds, of audio as of time; it is ended there"
    outbox_events: Annotated[int, Ge(16)] = 1000
    "Events that wait for a slow reader before the oldest droppable ones are lost"
    replay_events: Annotated[int, Ge(0)] = 10_000
    "Events kept for onlookers that come back"
    ended_calls: Annotated[int, Ge(0)] = 200
    "Ended calls that GET /v1/calls still shows"


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """Settings of the models."""

    emotion: str = "undertone-emotion-small"
    "Emotion model: the name of one that ships with Undertone or of a published one, a path, or none"
    speaker: str = "undertone-speaker-small"
    "Speaker model: the name of one that ships with Undertone or of a published one, a path, or none"
    reuse: Literal["none", "convolutions", "frames"] = "convolutions"
    "What emotion2vec+ uses again of a call's last window on a CPU: faster the more, and less exact"
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    "Numbers in which emotion2vec+ computes; auto: on a CPU the quickest whose scores are near float32, else bfloat16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    "Where the models run"
    threads: Annotated[int, Ge(0), Le(256)] = 0
    "Processor threads for each model's arithmetic; 0: the cores shared out among the models"
    workers: Annotated[int, Ge(0), Le(64)] = 0
    "Processes that run the models, each with all of them, in a server; 0: as many as the cores allow, 3 at most"
    in_process: bool = False
    "Run the models in threads of the server itself: less memory, fewer calls"


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """Settings of work on recordings over REST."""

    folder: str = ""
    "Where uploads lie while they are worked on, and results until they expire; empty: the system's temporary folder"
    upload_mb: Annotated[int, Ge(1), Le(1 << 20)] = 2048
    "Largest upload in one request, in MB"
    upload_files: Annotated[int, Ge(1), Le(100_000)] = 2000
    "Most recordings in one request"
    waiting: Annotated[int, Ge(1), Le(1000)] = 8
    "Jobs that may wait, uploads under way among them, and as many requests that somebody waits for; more are refused"
    kept: Annotated[int, Ge(1), Le(10_000)] = 100
    "Finished jobs whose results are kept; the oldest go first"
    keep_s: Annotated[float, Gt(0), Le(30 * 86400)] = 3600.0
    "Seconds after which the results of a finished job are deleted"
    disk_mb: Annotated[int, Ge(1), Le(1 << 24)] = 8192
    "Disk for uploads and results of all jobs, in MB"
    idle_s: Annotated[float, Gt(0), Le(86400)] = 600.0
    "Seconds without a job after which the process that works on recordings is stopped, and its memory is free"


@dataclass(frozen=True, slots=True)
class WebrtcConfig:
    """Settings of calls over WebRTC (WHIP)."""

    workers: Annotated[int, Ge(1), Le(64)] = 1
    "Processes that speak WebRTC, started with the first such call; one keeps a core busy at the most"
    token: str = ""
    "Bearer token that a WHIP client must show; empty: none"
    ice_servers: tuple[str, ...] = ()
    "STUN and TURN servers, for this server and for its peers: stun:HOST:PORT, turn:USER:PASSWORD@HOST:PORT"
    addresses: tuple[str, ...] = ()
    "Addresses of this machine on which audio may come in; none: all, and loopback if server.host is that"
    connect_timeout_s: Annotated[float, Gt(0), Le(600)] = 15.0
    "Seconds that a peer may take to connect after its offer was answered"
    gone_timeout_s: Annotated[float, Ge(2), Le(600)] = 5.0
    "Seconds after which a peer that answers nothing has gone"

    def __post_init__(self) -> None:
        parse_ice_servers(self.ice_servers)
        for address in self.addresses:
            ip_address(address)  # raises ValueError, which says what it is not


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server; `user` and `password` are those of a TURN server."""

    url: str
    user: str = ""
    password: str = ""


ICE_SERVER = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@\s\"]+):(?P<password>[^@\s\"]+)@)?"
    r"(?P<host>[\w.-]+(?::\d+)?(?:\?transport=(?:udp|tcp))?)",
    re.ASCII,
)


def parse_ice_servers(texts: Sequence[str]) -> list[IceServer]:
    """Raises ValueError for what is none; a TURN server has a user and a password, a STUN server has not."""
    servers = []
    for text in texts:
        found = ICE_SERVER.fullmatch(text)
        if found is None or found["scheme"].startswith("turn") != (found["user"] is not None):
            raise ValueError(f"ice_servers: {text!r} is neither stun:HOST:PORT nor turn:USER:PASSWORD@HOST:PORT")
        servers.append(IceServer(f"{found['scheme']}:{found['host']}", found["user"] or "", found["password"] or ""))
    return servers


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections."""

    server: ServerConfig = field(default_factory=ServerConfig)
    stream: StreamConfig = field(default_factory=StreamConfig)
    jobs: JobsConfig = field(default_factory=JobsConfig)
    webrtc: WebrtcConfig = field(default_factory=WebrtcConfig)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    vad: EndpointingConfig = field(default_factory=EndpointingConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    notify: NotifyConfig = field(default_factory=NotifyConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    voiceprints: RecognitionConfig = field(default_factory=RecognitionConfig)
    workbench: WorkbenchConfig = field(default_factory=WorkbenchConfig)


SECTIONS: dict[str, type] = {
    "server": ServerConfig,
    "stream": StreamConfig,
    "jobs": JobsConfig,
    "webrtc": WebrtcConfig,
    "models": ModelsConfig,
    "vad": EndpointingConfig,
    "monitor": MonitorConfig,
    "tracking": TrackingConfig,
    "alerts": AlertsConfig,
    "notify": NotifyConfig,
    "history": HistoryConfig,
    "metrics": MetricsConfig,
    "voiceprints": RecognitionConfig,
    "workbench": WorkbenchConfig,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is declared."""

    section: str
    key: str
    type: Any
    default: object
    help: str

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def flag(self) -> str:
        return f"--{self.section}.{self.key}".replace("_", "-")

    @property
    def env(self) -> str:
        return f"{ENV_PREFIX}{self.section}__{self.key}".upper()

    @property
    def shown(self) -> str:
        """The default as one would write it in a flag or in the environment."""
        if is_table(self.type):
            return ""
        return ",".join(map(str, self.default)) if isinstance(self.default, tuple) else str(self.default)


def declared() -> Iterator[Setting]:
    """Every setting, in the order of declaration."""
    for section, cls in SECTIONS.items():
        hints = get_type_hints(cls, include_extras=True)
        explained = _explanations(cls)
        for item in fields(cls):
            default = item.default if item.default_factory is MISSING else item.default_factory()
            yield Setting(section, item.name, hints[item.name], default, explained[item.name])


def _explanations(cls: type) -> dict[str, str]:
    """The strings that stand below the fields of a dataclass."""
    body = ast.parse(dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    out: dict[str, str] = {}
    for item, following in zip(body.body, body.body[1:], strict=False):
        match item, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=text)):
                out[name] = str(text)
    return out


def load(flags: Mapping[str, str], environ: Mapping[str, str], file: Path | None) -> Settings:
    """Settle every setting. `flags`: setting name (`section.key`) -> text. `file` None: undertone.toml if it exists.

    Raises SettingsError.
    """
    known = {setting.name: setting for setting in declared()}
    values: dict[str, Any] = {}
    for name, value, source in [*_from_file(file), *_from_environment(environ), *_from_flags(flags)]:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.3) or list(known)
            raise SettingsError(f"{source}: there is no setting {name!r}; did you mean {', '.join(near)}?")
        values[name] = _checked(known[name], value, source)
    sections: dict[str, Any] = {}
    for section, cls in SECTIONS.items():
        own = {name.split(".")[1]: value for name, value in values.items() if name.split(".")[0] == section}
        try:
            sections[section] = cls(**own)
        except ValueError as error:
            raise SettingsError(f"[{section}]: {error}") from None
    return Settings(**sections)


def _from_file(file: Path | None) -> Iterator[tuple[str, Any, str]]:
    if file is None:
        if not DEFAULT_FILE.is_file():
            return
        file = DEFAULT_FILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from None
    for section, table in document.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{file}: {section!r} must stand in a section such as [server]")
        for key, value in table.items():
            yield f"{section}.{key}", value, str(file)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    for variable, value in environ.items():
        if variable.startswith(ENV_PREFIX) and variable not in NOT_SETTINGS:
            section, _, key = variable.removeprefix(ENV_PREFIX).lower().partition("__")
            yield f"{section}.{key}" if key else section, value, variable


def _from_flags(flags: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    for name, value in flags.items():
        yield name, value, "--" + name.replace("_", "-")


def _checked(setting: Setting, value: Any, source: str) -> Any:
    if is_table(setting.type):
        try:
            return parse_table(setting.name, setting.type, value)
        except ValueError as error:
            raise SettingsError(f"{source}: {error} ({setting.name}: {setting.help})") from None
    if isinstance(value, str) and isinstance(setting.default, tuple):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        return TypeAdapter(setting.type).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise SettingsError(f"{source} = {value!r}: {problem} ({setting.name}: {setting.help})") from None
