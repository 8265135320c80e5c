"""The `joinstream` command.

`commands` holds the options and nothing else; what a command does is imported only when it runs,
so that `--help` is quick. Whatever keeps a command from starting is one line on stderr and exit
code 1; a wrong option is exit code 2.
"""

from joinstream.cli.commands import main

__all__ = ["main"]
