"""``python examples/name_a_video.py VIDEO BOARD``: the most probable classes, and FG-SGL's sentences."""

import sys

import fgsgl

if len(sys.argv) != 3:
    sys.exit("usage: python examples/name_a_video.py VIDEO BOARD")
video, board = sys.argv[1:]
recognizer = fgsgl.load_recognizer(board)  # a board's folder, or a file of `fgsgl export`
prediction = recognizer.predict(video)
for name, probability in prediction.top(3):
    print(f"{probability:6.1%}  {name}")
for sentence in prediction.sentences:  # FG-SGL's alone
    print(f"{sentence.dimension}: {sentence.text}")
