# The index of all its architectures, so that two builds begin alike. Renew it by `docker buildx imagetools inspect
# python:3.13-slim`, with what the security notices of Debian and Python ask for.
FROM python:3.13-slim@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a

WORKDIR /app

# The requirements first: a change of the code leaves this layer alone.
COPY requirements-postgres.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-postgres.txt

# The service reads its version from the changelog.
COPY app.py cli.py config.py gunicorn.conf.py legacy.py storage.py CHANGELOG.md ./
COPY agent/ agent/
COPY deploy/make_agent.py deploy/
COPY domain/ domain/
COPY operations/ operations/
COPY stores/ stores/
COPY web/ web/
COPY workers/ workers/

# The code belongs to root, so the service cannot change it; a checkout under a strict umask must still be readable.
# A new volume takes its owner from the folder that it covers.
RUN python deploy/make_agent.py && chmod -R a+rX . && install -d -o 10001 -g 10001 /data
VOLUME /data

# Who reports needs a token: docker exec NAME flask token create --label NAME --scope pipeline
ENV STATUS_AUTH=writes

# A number, because Kubernetes cannot see that a name is not root.
USER 10001:10001

EXPOSE 5000

# It asks past any proxy that the container's environment names.
HEALTHCHECK --interval=10s --timeout=5s CMD ["python", "-c", "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:5000/health', timeout=4)"]

# The exec form: gunicorn itself gets the SIGTERM of a stop. Its settings are in gunicorn.conf.py.
CMD ["gunicorn"]
