"""The baselines: each file offers one as ``METHOD``. The suite finds them automatically."""
