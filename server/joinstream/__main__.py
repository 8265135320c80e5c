"""`python -m joinstream` is the same as `joinstream`."""

from joinstream.cli import main

main()
