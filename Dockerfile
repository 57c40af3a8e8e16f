# Undertone in a container: not root, listens on 0.0.0.0:8000, keeps nothing.
#   docker build -t undertone . && docker run -p 8000:8000 undertone
# For calls over WebRTC, whose audio comes by UDP to ports of its choice, it takes docker run --network host.
# PyPI's torch for x86-64 brings CUDA libraries of several GB. For the CPU build, point pip at PyTorch's index of CPU
# wheels: --build-arg PIP_EXTRA_INDEX_URL=...
FROM node:22-slim AS charts
WORKDIR /pages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM python:3.11-slim
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY vad vad
COPY monitor monitor
COPY inference inference
COPY metrics metrics
COPY workbench workbench
COPY stream_server stream_server
COPY evaluation evaluation
COPY benchmarks benchmarks
COPY frontend_static frontend_static
COPY --from=charts /pages/node_modules/uplot/dist/uPlot.esm.js /pages/node_modules/uplot/dist/uPlot.min.css /pages/node_modules/uplot/LICENSE \
    frontend_static/vendor/
RUN pip install --no-cache-dir --constraint constraints.txt . \
    && useradd --create-home undertone
USER undertone
WORKDIR /home/undertone
ENV UNDERTONE_SERVER__HOST=0.0.0.0
EXPOSE 8000
# By HTTP, or if that does not answer by HTTPS, whose certificate is for other names than this one.
HEALTHCHECK --interval=10s --start-period=30s \
    CMD ["python", "-c", "import ssl, urllib.request as u\ntls = ssl.create_default_context()\ntls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE\ntry:\n u.urlopen('http://127.0.0.1:8000/healthz', timeout=3)\nexcept Exception:\n u.urlopen('https://127.0.0.1:8000/healthz', timeout=3, context=tls)"]
CMD ["undertone", "serve"]
