"""The rules of the server as pure functions and values: no I/O, no clock, no other layer."""
