"""Compares the speed of the library with bare requests and other libraries: ``python -m tests.benchmarks``."""
