# The `afflux` command in an image: `docker build -t afflux .`, then `docker run afflux worker`.

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY afflux afflux
COPY models models
COPY schemas schemas
COPY profile_store profile_store
COPY audience_rules audience_rules
COPY streams streams
COPY gateway gateway
COPY launcher launcher
RUN python -m venv /opt/afflux \
    && /opt/afflux/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/afflux/bin/pip install --no-cache-dir --constraint requirements.lock \
       "$(ls /wheels/afflux-*.whl)[registry]"

FROM python:3.12-slim-bookworm
COPY --from=build /opt/afflux /opt/afflux
# A volume for API keys gets the owner of the folder that it covers.
RUN useradd --system --uid 10001 --create-home afflux \
    && install --directory --owner afflux --mode 0700 /var/lib/afflux
USER 10001
WORKDIR /home/afflux
ENV PATH=/opt/afflux/bin:$PATH PYTHONUNBUFFERED=1
ENTRYPOINT ["afflux"]
CMD ["worker"]
