"""The package's queries: on the source, and on our own tables."""

from pathlib import Path

from joinstream.sql import load_queries

SOURCE = load_queries(Path(__file__).with_name("source.sql"))
TARGET = load_queries(Path(__file__).with_name("target.sql"))
