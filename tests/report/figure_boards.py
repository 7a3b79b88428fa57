"""Boards, small and large, that figures are drawn of."""

import made
import numpy as np
import pandas as pd
from msgspec import structs

from fgsgl.records.record import Cost
from fgsgl.report import figures
from fgsgl.report.ablations.evaluate import Ablation, judge_effects
from fgsgl.report.drawing.scan import scan
from fgsgl.stats.factorial import effects, full_factorial

FACTORS = ("fgsa", "cpa", "lora", "schedule")
WITHOUT_DESIGN = {
    "accuracy", "calibration", "confusion", "confusion-difference", "forest", "learning-curves", "pareto",
    "per-class-difference", "subjects",
}  # fmt: skip


def draw(inputs, name):
    (figure,) = (figure for figure in scan(figures).figures if figure.name == name)
    return list(figure.draw(inputs))


def factorial(seeds=8):
    """A full factorial with fgsa +2, cpa +1, together 1 less."""
    off_AK = full_factorial(FACTORS)
    fgsa_A, cpa_A = ~off_AK[:, 0], ~off_AK[:, 1]
    noise_AS = np.random.default_rng(0).normal(scale=0.3, size=(len(off_AK), seeds))
    value_AS = 60 + (2.0 * fgsa_A + cpa_A - fgsa_A * cpa_A)[:, None] + noise_AS
    offs = [tuple(name for name, off in zip(FACTORS, row, strict=True) if off) for row in off_AK]
    return Ablation(
        design="factorial", factors=FACTORS, protocol_hash="5f3a", planned_seeds=seeds, seeds=tuple(range(seeds)),
        reference="FG-SGL", value_AS=value_AS, arms=pd.DataFrame({"off": offs}), aliases=(), missing=(), failed=(),
        effects=judge_effects(effects(off_AK, value_AS, FACTORS), seeds),
    )  # fmt: skip


def localised(ledger, record, frames=4, side=7):
    """Gives a record measured localisation and the attention of three clips, as a training cell writes them."""
    random = np.random.default_rng(record.seed)
    names = ("part", "onset", "trajectory", "outcome", "saliency", "even", "centre", "prior")
    shares = {name: float(share) for name, share in zip(names, random.uniform(0.05, 0.5, len(names)), strict=True)}
    found = made.localisation(shares, n_clips=240)
    structs.replace(record, localisation=found).write(ledger.folder / "ledger")
    np.savez_compressed(
        ledger.folder / "ledger" / f"{record.cell_id}.attention.npz",
        names=np.array(["Folding arms", "Arms akimbo"]),
        dimensions=np.array(names[:4]),
        sentences_ND=np.array([["Both arms move at once, from the shoulders to the hands.", "A", "B", "C"]] * 2),
        frames_NTHWC=random.integers(0, 255, (2, frames, 56, 56, 3), dtype=np.uint8),
        mask_NTHW=np.tile(np.arange(56) > 40, (2, frames, 56, 1)),
        attention_NDTP=random.dirichlet(np.ones(frames * side**2), (2, 4)).reshape(2, 4, frames, -1).astype(np.float16),
    )


def keep_saliency(ledger, record, saliency_NTP, names=("Folding arms", "Arms akimbo")):
    """Keeps the saliency of clips, as a training cell does."""
    path = ledger.folder / "ledger" / f"{record.cell_id}.saliency.npz"
    np.savez_compressed(path, names=np.array(names), saliency_NTP=saliency_NTP.astype(np.float16))
    return path


def small(ledger):
    ledger.fill(seeds=3)
    localised(ledger, ledger.add("fgsgl", 2.4, seed=0))


def large(ledger):
    """40 methods with long names, and as many variants."""
    for seed in range(2):
        for index in range(40):
            cost = Cost(gflops=1.5 + index % 7, latency_ms=20.0 + index)
            name = f"Recognizer number {index} with a long name"
            method = "fgsgl" if index == 0 else f"method{index}"
            ledger.add(method, 2 - index / 40, seed=seed, name=name, cost=cost, params=10**6 * (1 + index % 11))
            ledger.add("fgsgl", 2 - index / 80, f"w/o factor{index}, text=shuffled, schedule=joint", seed)
    ledger.add("majority", 0.0, kind="floor")


def many_classes(ledger):
    """MA-52's 52 classes, of which one has no test clip, and one seed."""
    ledger.classes = tuple(f"{index}: touching or scratching some part of the body" for index in range(52))
    ledger.n_clips = 300
    ledger.fill(seeds=1)


def a_thousand_classes(ledger):
    """More classes than any figure shows, many of them without a test clip."""
    ledger.classes = tuple(f"action number {index:04d}" for index in range(1200))
    ledger.n_clips = 200
    for method, skill in (("fgsgl", 2.4), ("tsm", 1.6)):
        ledger.add(method, skill)
    ledger.add("majority", 0.0, kind="floor")
