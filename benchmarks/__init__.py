"""How fast: ratios taken side by side in one run. `make bench`; see docs/benchmarks.md."""
