"""How figures are found, drawn and rendered, and what they draw with. The figures are in ``fgsgl/report/figures``."""
