# syntax=docker/dockerfile:1
# One image for every Airflow component and for the `brain` command. Built on python:slim and our own lock rather than on
# apache/airflow: see docs/decisions/image-from-our-own-lock.md.
ARG PYTHON=3.12
# By its digest, if wanted: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:${PYTHON}-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# EXTRAS=airflow,demo adds the demo data, airflow,object-store a lake on S3; PACKAGES="gcsfs" any other package.
ARG EXTRAS=airflow
ARG PACKAGES=""
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/opt/venv
RUN pip install --no-cache-dir 'uv>=0.9' && uv venv /opt/venv
WORKDIR /src
COPY pyproject.toml requirements.txt README.md LICENSE ./
# Dependencies first: this layer changes with the lock only.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --constraint requirements.txt --requirement pyproject.toml \
    $(echo "$EXTRAS" | sed 's/[^,]*/--extra &/g; s/,/ /g') $PACKAGES
COPY include include
RUN --mount=type=cache,target=/root/.cache/uv uv pip install --no-deps .

FROM ${PYTHON_IMAGE}
# LightGBM links the OpenMP runtime, which the slim image leaves out.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
# Without an airflow.cfg Airflow would write one, and ask for keys that a component does not hold.
RUN useradd --uid 50000 --gid 0 --create-home brain \
    && install --directory --owner brain --group 0 /opt/airflow /opt/airflow/logs /var/lib/brain /var/lib/brain/lake \
    && touch /opt/airflow/airflow.cfg
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/brain
COPY catalogue.yaml ./
COPY dags dags
COPY plugins plugins
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/brain/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/brain/plugins \
    BRAIN_HOME=/var/lib/brain
USER brain
CMD ["airflow", "version"]
