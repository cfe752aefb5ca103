"""What is measured, and how; `make benchmark` writes docs/benchmarks.md."""
