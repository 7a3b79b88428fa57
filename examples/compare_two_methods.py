"""``python examples/compare_two_methods.py OUT``: trains two methods on SynMG, and draws their accuracy by class.

The smallest preset and two epochs, so that it ends within minutes: its numbers mean nothing.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import fgsgl

if len(sys.argv) != 2:
    sys.exit("usage: python examples/compare_two_methods.py OUT")
out = Path(sys.argv[1])
board = fgsgl.run(["tsn", "linear_probe"], preset="smoke", epochs=2, batch_size=8, ceilings=False, out=out)
print(board.table[["label", "top1", "macro_f1"]])

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for record in board.records.values():
    if record.kind == "method":
        names = [record.data.classes[row.index] for row in record.metrics.per_class]
        axes.plot([row.recall for row in record.metrics.per_class], names, "o", label=record.config.display_name)
axes.set_xlabel("recall")
axes.legend()
figure.savefig(out / "by-class.png")
print(f"drawn: {out / 'by-class.png'}")
