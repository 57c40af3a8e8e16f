# Undertone in a container: not root, listens on 0.0.0.0:8000, keeps its database on the volume /data, and there also
# uploads while they are worked on.
#
#   docker build --build-arg PIP_EXTRA_INDEX_URL=ADDRESS -t undertone .     # CPU; ADDRESS: PyTorch's index of CPU wheels
#   docker build --build-arg VARIANT=cuda -t undertone:cuda .               # CUDA, several GB; docker run --gpus all
#   docker run -p 127.0.0.1:8000:8000 -v undertone:/data --shm-size 256m undertone
#
# deploy/compose.yaml does that, with Prometheus, Alertmanager and Grafana. Settings come from the environment
# (docs/configuration.md) or from a file that is mounted as /etc/undertone/undertone.toml. The audio of calls over WebRTC
# comes by UDP to ports of its choice: such a server takes docker run --network host.
FROM node:22-slim AS charts
WORKDIR /pages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM python:3.11-slim AS build
ARG VARIANT=cpu
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /source
# PyPI's torch for x86-64 brings CUDA's libraries; whoever wants the CPU build must say where it is.
RUN if [ "$VARIANT" = cpu ] && [ "$(uname -m)" = x86_64 ] && [ -z "$PIP_EXTRA_INDEX_URL" ]; then \
        echo "give --build-arg PIP_EXTRA_INDEX_URL=ADDRESS, PyTorch's index of CPU wheels, or VARIANT=cuda" >&2; exit 1; \
    fi \
    && python -m venv --without-pip /opt/undertone
# The large part first: it stays as it is while the rest changes. Its tests, and what C++ is built with, stay away (190 MB).
COPY constraints.txt ./
RUN pip --python /opt/undertone/bin/python install --no-cache-dir --constraint constraints.txt torch \
    && torch=/opt/undertone/lib/python3.11/site-packages/torch \
    && rm -rf "$torch/include" "$torch/test" && find "$torch/bin" -type f ! -name torch_shm_manager -delete
COPY . .
COPY --from=charts /pages/node_modules/uplot/dist/uPlot.esm.js /pages/node_modules/uplot/dist/uPlot.min.css \
    /pages/node_modules/uplot/LICENSE frontend_static/vendor/
# `workbench`: groups and maps of recordings (202 MB); `parquet`: tables and exports in that format (169 MB).
RUN pip --python /opt/undertone/bin/python install --no-cache-dir --constraint constraints.txt \
    '.[postgresql,services,workbench,parquet]'

FROM python:3.11-slim
COPY --from=build /opt/undertone /opt/undertone
RUN useradd --uid 10001 --home-dir /data --create-home undertone && mkdir /etc/undertone
USER 10001
WORKDIR /etc/undertone
ENV PATH=/opt/undertone/bin:$PATH \
    UNDERTONE_SERVER__HOST=0.0.0.0 \
    UNDERTONE_HISTORY__URL=sqlite:////data/undertone.sqlite3 \
    UNDERTONE_JOBS__FOLDER=/data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-m", "stream_server.rest.health"]
CMD ["undertone", "serve"]
