"""A ceiling of SynMG for what sees no motion: a small network on the true 3-D joints of single frames."""

from __future__ import annotations

from fgsgl.baselines.oracle_motion import joints_scores

from fgsgl.methods.method import Method

METHOD = Method(
    name="oracle_static",
    display_name="Oracle (true joints, static)",
    paper="none (ceiling)",
    kind="ceiling",
    datasets=("synmg",),
    scores=joints_scores("static"),
)
