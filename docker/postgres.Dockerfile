# Postgres 18 with Apache AGE, pgvector and (where it is packaged) pg_textsearch, all from the PostgreSQL project's own
# apt packages, whose source the official image has set up already.

FROM postgres:18-trixie
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-18-age postgresql-18-pgvector \
    && { apt-get install --yes --no-install-recommends postgresql-18-pg-textsearch \
         || echo "No pg_textsearch for this system: words will be ranked by Postgres full text."; } \
    && rm -rf /var/lib/apt/lists/* \
    && preload=age \
    && if [ -e /usr/lib/postgresql/18/lib/pg_textsearch.so ]; then preload=age,pg_textsearch; fi \
    && printf "%s\n" "shared_preload_libraries = '$preload'" "jit = off" "timezone = 'UTC'" \
       >> /usr/share/postgresql/postgresql.conf.sample
