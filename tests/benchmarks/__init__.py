"""The speed of the library beside bare requests and its peers: ``python -m tests.benchmarks``."""
