"""What the benchmarks measure with: servers as processes, CPU meters, clients, bare runs."""
