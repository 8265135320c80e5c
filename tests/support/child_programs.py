"""What children of ours may do, for tests of their parents.

Options: {"verb": "wait" | "exit" | "stubborn", "journal": path}
"""

import json
import signal
import sys
from pathlib import Path

from joinstream.processes.link import LinkToParent


def main() -> None:
    """Write down that we run, then do what the verb says."""
    link = LinkToParent(int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    with Path(options["journal"]).open("a") as journal:
        journal.write("started\n")
    match options["verb"]:
        case "exit":
            sys.exit(7)
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link.say_ready()
    while True:
        signal.pause()
