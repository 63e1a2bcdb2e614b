# kgmem as a container. With KGMEM_DATABASE_URL it is a server for that database (see docker-compose.yml); without, it
# runs its embedded Postgres on the volume /data (x86-64 only):
#   docker build --tag kgmem . && docker run --publish 127.0.0.1:8420:8420 --volume kgmem:/data kgmem quickstart --serve

FROM python:3.13-slim-trixie AS build
WORKDIR /source
RUN python -m venv /opt/kgmem
ENV PATH=/opt/kgmem/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock docker/redis.lock ./
RUN pip install --no-deps --require-hashes --requirement requirements.lock --requirement redis.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY kgmem kgmem
COPY api api

COPY cypher cypher
COPY graph_schema graph_schema
COPY migrations migrations
COPY sample sample
RUN pip install --no-deps --no-build-isolation . \
    && pip uninstall --yes editables hatchling

FROM python:3.13-slim-trixie
# Postgres takes its tables of time zones from the system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --home-dir /data --shell /usr/sbin/nologin kgmem
COPY --from=build /opt/kgmem /opt/kgmem
ENV PATH=/opt/kgmem/bin:$PATH PYTHONUNBUFFERED=1 KGMEM_HOME=/data/kgmem KGMEM_HOST=0.0.0.0
USER kgmem
WORKDIR /data
VOLUME /data
EXPOSE 8420 7687
# A first start loads the sample graph or migrates, and recovery after a crash takes its time.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; s = 's' * bool(os.environ.get('KGMEM_TLS_CERTIFICATE')); u.urlopen(f'http{s}://127.0.0.1:8420/health/ready', timeout=4, context=ssl._create_unverified_context())"]
ENTRYPOINT ["kgmem"]
CMD ["serve"]
