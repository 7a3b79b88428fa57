"""``python examples/when_does_it_happen.py RECORDING BOARD CLASS``: when a class is the most probable."""

import sys

import fgsgl

if len(sys.argv) != 4:
    sys.exit("usage: python examples/when_does_it_happen.py RECORDING BOARD CLASS")
recording, board, wanted = sys.argv[1:]
recognizer = fgsgl.load_recognizer(board)
if wanted not in recognizer.classes:
    sys.exit(f"no class {wanted!r}; the recognizer knows: {', '.join(recognizer.classes)}")
for window in recognizer.timeline(recording, window_s=2.0, stride_s=0.5):
    ((name, probability),) = window.top(1)
    if name == wanted:
        print(f"{window.start_s:7.1f} s to {window.end_s:7.1f} s  {probability:.0%}")
