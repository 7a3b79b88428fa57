"""Pictures of predictions: where each dimension looks, an annotated video, and the classes over time.

Shapes: T frames, P = G x G patches of a frame, H, W; D dimensions, S windows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from fgsgl.data.video.decoding import decode
from fgsgl.data.video.video_file import probe, read_frames, rgb, write_h264
from fgsgl.prediction.recognizer import Prediction
from fgsgl.style import COLOURS, GREY, STYLE
from fgsgl.style.tint import tint_weight, tinted
from fgsgl.util.escaping import printable

STRENGTH = 0.7
"""Share of the tint where attention is brightest."""
SIDE_PX = 112
SHOWN = 6
"""Classes in the picture of a timeline, at most."""
FAINT = 0.05
"""Probability that a class in the picture of a timeline reaches somewhere."""
LONGEST_S = 120.0
"""Seconds of a recording that an annotated video shows."""
FPS = 25.0


def attention_picture(prediction: Prediction, path: Path) -> None:
    """Writes the frames that were seen and, with FG-SGL, a row a dimension: its sentence, and where it looks."""
    frames_THWC = read_frames(Path(prediction.video), prediction.frame_numbers, SIDE_PX)
    rows = [(f"{prediction.top(1)[0][0]}, {prediction.top(1)[0][1]:.0%}", frames_THWC)]
    if prediction.attention_DTP is not None:
        for sentence, attention_TP in zip(prediction.sentences, prediction.attention_DTP, strict=True):
            rows.append((f"{sentence.dimension}: {sentence.text}", _tinted(frames_THWC, attention_TP)))
    count = len(frames_THWC)
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure(figsize=(2.2 + 0.9 * count, 1.05 * len(rows) + 0.3), dpi=160)
        for row, (label, shown_THWC) in enumerate(rows):
            for column, frame_HWC in enumerate(shown_THWC):
                axes = figure.add_axes((
                    2.2 / (2.2 + 0.9 * count) + column * 0.9 / (2.2 + 0.9 * count), 1 - (row + 1) / len(rows) + 0.01,
                    0.87 / (2.2 + 0.9 * count), 0.98 / len(rows),
                ))  # fmt: skip
                axes.imshow(frame_HWC)
                axes.set_axis_off()
            text = "\n".join(textwrap.wrap(printable(label), 30)[:5])
            figure.text(0.005, 1 - (row + 0.5) / len(rows), text, va="center", fontsize=7, parse_math=False)
        _save(figure, path)


def _tinted(frames_THWC: np.ndarray, attention_TP: np.ndarray) -> np.ndarray:
    """Frames in grey, coloured where attention lies."""
    weight_THW1 = tint_weight(attention_TP * attention_TP.size, *frames_THWC.shape[1:3])
    return tinted(frames_THWC.mean(-1, keepdims=True), weight_THW1, STRENGTH)


def timeline_picture(predictions: Sequence[Prediction], path: Path) -> None:
    """Writes the classes of a recording over time, with thumbnails above."""
    video, classes = predictions[0].video, predictions[0].classes
    share_SC = np.stack([one.probabilities_C for one in predictions])
    largest_C = share_SC.max(0)
    chosen = [index for index in np.argsort(-largest_C, kind="stable")[:SHOWN] if largest_C[index] >= FAINT]
    middle_s = np.array([(one.start_s + one.end_s) / 2 for one in predictions])
    places = np.unique(np.linspace(0, len(predictions) - 1, 8).round().astype(int))
    thumbs = [predictions[place].frame_numbers[len(predictions[place].frame_numbers) // 2] for place in places]
    pictures = dict(zip(sorted(set(thumbs)), read_frames(Path(video), sorted(set(thumbs)), SIDE_PX), strict=True))
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure(figsize=(9, 4.2), dpi=160, layout="constrained")
        grid = figure.add_gridspec(2, len(places), height_ratios=(1, 2.6))
        for column, (place, number) in enumerate(zip(places, thumbs, strict=True)):
            axes = figure.add_subplot(grid[0, column])
            axes.imshow(pictures[number])
            axes.set_axis_off()
            axes.set_title(f"{middle_s[place]:.1f} s", fontsize=7, color=GREY)
        axes = figure.add_subplot(grid[1, :])
        for colour, index in enumerate(chosen):
            line = axes.plot(
                middle_s, share_SC[:, index], marker="o", markersize=3, color=COLOURS[colour % len(COLOURS)]
            )
            line[0].set_label(printable(classes[index]))
        axes.set(xlabel="time in s", ylabel="probability", ylim=(0, 1.02), title=printable(Path(video).name))
        for text in figure.legend(loc="outside lower center", ncols=2, fontsize=7).get_texts():
            text.set_parse_math(False)
        axes.title.set_parse_math(False)
        _save(figure, path)


def annotated_video(predictions: Sequence[Prediction], path: Path) -> None:
    """Writes the recording as MP4 with the most probable class of each moment below the picture."""
    fps = probe(Path(predictions[0].video)).fps or FPS
    path.parent.mkdir(parents=True, exist_ok=True)
    write_h264(path, _captioned_frames(predictions, fps), fps)


def _captioned_frames(predictions: Sequence[Prediction], fps: float) -> Iterator[np.ndarray]:
    """Each frame_HWC of the recording with its caption, one at a time."""
    video = Path(predictions[0].video)
    middles_s = np.array([(one.start_s + one.end_s) / 2 for one in predictions])
    for frame in decode(video):
        now_s = frame.number / fps
        if now_s > min(LONGEST_S, predictions[-1].end_s):
            return
        one = predictions[int(np.abs(middles_s - now_s).argmin())]
        yield _captioned(rgb(video, frame, 2 * SIDE_PX), *one.top(1)[0])


def _captioned(frame_HWC: np.ndarray, name: str, share: float) -> np.ndarray:
    height, width = frame_HWC.shape[:2]
    picture = Image.new("RGB", (width, height + 32), "white")
    picture.paste(Image.fromarray(frame_HWC))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height, round(width * share), height + 5), fill=COLOURS[0])
    text = printable(name)
    size = next((size for size in range(14, 7, -1) if _font(size).getlength(text) <= width - 8), 7)
    draw.text((4, height + 10), text, fill="black", font=_font(size))
    return np.asarray(picture)


def _font(size: int) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / "DejaVuSans.ttf"), size)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
