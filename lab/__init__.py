"""Measurements behind the claims and tables: experiments, benchmarks, and their results. Not shipped."""
