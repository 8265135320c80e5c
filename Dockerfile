# joinstream with its example graphs. For a project of your own: FROM this image, USER root,
# install what the graphs need with pip, USER joinstream, COPY the project to /app.

FROM python:3.13.7-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/joinstream
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY server server
RUN /opt/joinstream/bin/pip install .

FROM python:3.13.7-slim-trixie
RUN useradd --system --uid 10001 --create-home joinstream
COPY --from=build /opt/joinstream /opt/joinstream
ENV PATH=/opt/joinstream/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
COPY graphs graphs
USER joinstream
EXPOSE 8000
ENTRYPOINT ["joinstream"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--config", "graphs/langgraph.json"]
