"""What joinstream costs, measured on this machine, beside what the bare graph costs here.

::

    python -m benchmarks                          all of them
    python -m benchmarks tokens joiners           some of them
    python -m benchmarks --mode dev               only `joinstream dev`, not `serve` over Redis
    python -m benchmarks --store                  keep the numbers in benchmarks/results/

Each benchmark is a module with one `run(lab)`, which yields `Measurement`s as it gets them. Rules:

- The server is the shipped command, started as a process of its own with the shipped settings and a
  durable Postgres. The clients run in this process, so that their CPU is not the server's.
- CPU time counts rather than wall time wherever it can: it hardly changes when the machine is busy.
  "CPU" alone is that of joinstream's own processes; Postgres and Redis have lines of their own.
- The floor is measured in the same session: the same graph object, called in this process.
"""
