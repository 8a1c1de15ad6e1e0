# DQN Lab in a container: docker build -t dqn-lab . && docker run -p 8501:8501 -v dqn-lab:/data dqn-lab
# With a PostgreSQL and a Ray cluster: compose.yaml. The steps are those of README.md.

# The version that the tests run with; Box2D, physics of LunarLander, has a wheel for it.
FROM python:3.11-slim-bookworm

# Korean words on videos.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-nanum \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home lab && mkdir /lab /data && chown lab /lab /data
USER lab
WORKDIR /lab

# requirements-cluster.txt brings what Ray and PostgreSQL need.
ARG REQUIREMENTS=requirements.txt
# Without a GPU, torch's CPU build saves several gigabytes; for a GPU: --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --chown=lab requirements*.txt ./
RUN python3 -m venv .venv && . .venv/bin/activate \
    && pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' requirements.txt)" \
    && pip install --no-cache-dir -r "$REQUIREMENTS"

COPY --chown=lab . .
ENV PATH=/lab/.venv/bin:$PATH \
    PYTHONPATH=/lab \
    PYTHONUNBUFFERED=1 \
    DQN_LAB_DATA=/data
# Compiled kernels lie beside their sources. On another kind of CPU than this one they are compiled again, once.
RUN python -m dqn_core info --warm-up > /dev/null

VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
# Ends with a checkpoint of each run within ten seconds.
STOPSIGNAL SIGINT
CMD ["streamlit", "run", "app.py", "--server.port", "8501"]
