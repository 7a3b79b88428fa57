"""Experiments: planning, scheduling, progress, status, retries and submissions."""
