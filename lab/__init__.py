"""Experiments and benchmarks behind the claims and tables, with their results. This folder isn't part of the package."""
