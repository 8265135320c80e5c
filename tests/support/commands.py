"""The `joinstream` command as a user starts it: a process of its own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from joinstream.settings.loading import OUR_PREFIX, known_names

GRAPHS = Path(__file__).parents[2] / "graphs"
_END_SECONDS = 20.0
_READY = re.compile(r"joinstream \S+ ready on (http://\S+) \((.+)\)")


class RunningCommand:
    """A server command that has said it is ready, or that is about to."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self.process = process
        self._errors = errors
        self.url = ""
        self.storage = ""

    def wait_until_ready(self) -> None:
        """Read stdout up to the next ready line. Fails when the process ends before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if match := _READY.fullmatch(line.strip()):
                self.url, self.storage = match[1], match[2]
                return
        raise AssertionError(f"ended with {self.process.wait()} before it was ready:\n{self.log}")

    @property
    def log(self) -> str:
        """What was written to stderr so far."""
        self._errors.seek(0)
        return self._errors.read()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait()


@contextmanager
def running(
    *arguments: str, environment: Mapping[str, str] | None = None, folder: Path = GRAPHS
) -> Iterator[RunningCommand]:
    """A command started in `folder`, with no settings but `environment`; ended after the body."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "joinstream", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env=_environment(environment or {}),
        )
        command = RunningCommand(process, errors)
        try:
            yield command
        except BaseException:
            print(command.log)  # pytest shows it with the failure
            raise
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


@contextmanager
def running_server(
    *arguments: str, environment: Mapping[str, str] | None = None, folder: Path = GRAPHS
) -> Iterator[RunningCommand]:
    """As `running`, on a free port, and ready."""
    with running(*arguments, "--port", "0", environment=environment, folder=folder) as command:
        command.wait_until_ready()
        yield command


def run(
    *arguments: str, environment: Mapping[str, str] | None = None, folder: Path = GRAPHS
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "joinstream", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=_environment(environment or {}),
        check=False,
    )


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    known = known_names()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in known and not name.startswith(OUR_PREFIX)
    }
    return inherited | dict(settings)
