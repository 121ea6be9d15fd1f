# The image of Kith: docs/howto/docker.md. To pin a base image by its content as well as its version, add what
# `docker buildx imagetools inspect python:3.13.15-slim-trixie` prints as digest, in both stages: image:tag@sha256:...

FROM python:3.13.15-slim-trixie AS builder
WORKDIR /build
# The environment has no pip of its own: the one of the builder fills it and stays behind.
COPY requirements/run.lock.txt requirements/
RUN python -m venv --without-pip /opt/kith \
    && python -m pip --python /opt/kith install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary=:all: -r requirements/run.lock.txt
COPY pyproject.toml README.md LICENSE ./
COPY graph/ graph/
COPY influence/ influence/
COPY recommend/ recommend/
COPY loaders/ loaders/
COPY engine/ engine/
COPY api/ api/
RUN python -m pip --python /opt/kith install --no-cache-dir --disable-pip-version-check \
        --no-deps --no-build-isolation . \
    && python -m pip --python /opt/kith uninstall --yes --quiet hatchling

FROM python:3.13.15-slim-trixie
# libgomp1 is what the wheel of implicit leaves to the system. Debian keeps only the newest build of a package:
# a version given here would soon be one that nobody can install.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 kith \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/kith --shell /usr/sbin/nologin kith \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/kith
COPY --from=builder /opt/kith /opt/kith
ENV PATH=/opt/kith/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    KITH_HOST=0.0.0.0 \
    KITH_DATA_DIR=/var/lib/kith
WORKDIR /var/lib/kith
USER 10001:10001
EXPOSE 8000
# As Ctrl-C: requests in flight are finished, and the store is closed.
STOPSIGNAL SIGINT
# Past any proxy that the environment names; whether a model can be served is what /readyz tells.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener as b; b(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["kith"]
CMD ["serve"]
