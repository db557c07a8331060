# One image for every service: `apiconnect run SERVICE`. Writes nothing outside /tmp, so its file system may be read-only.

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements-build.lock requirements.lock ./
# Two environments: one to build in, and one that becomes the image, without pip.
RUN python3 -m venv /build/tools \
    && /build/tools/bin/pip install --quiet --no-cache-dir --require-hashes --requirement requirements-build.lock \
    && python3 -m venv --without-pip /opt/apiconnect \
    && /build/tools/bin/pip --python /opt/apiconnect/bin/python install --quiet --no-cache-dir --no-compile \
        --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY shared shared
RUN /build/tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /build/wheels . \
    && /build/tools/bin/pip --python /opt/apiconnect/bin/python install --quiet --no-deps --no-compile /build/wheels/*.whl \
    && /opt/apiconnect/bin/python -m compileall -q -j 0 /opt/apiconnect/lib

FROM python:3.13-slim
RUN groupadd --gid 10001 apiconnect \
    && useradd --uid 10001 --gid apiconnect --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin apiconnect \
    # A new volume takes its owner from the folder that it is mounted over: `secrets init` writes here, and is not root.
    && for each in store postgres rabbitmq scheduler token_refresher fetcher classifier actions sender console simulator grafana; do \
        install -d -o apiconnect -g apiconnect "/secrets/$each"; done \
    # The base brings an installer, which nothing here needs.
    && rm -rf "$(python3 -c 'import pip; print(pip.__path__[0])')" && rm -f /usr/local/bin/pip* /usr/bin/pip*
COPY --from=build /opt/apiconnect /opt/apiconnect
ENV PATH=/opt/apiconnect/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["apiconnect"]
CMD ["--help"]
