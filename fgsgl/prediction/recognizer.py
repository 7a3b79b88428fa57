"""A recognizer in use: from a video, or a window of it, to class names, probabilities and sentences.

Shapes: B windows, K kept frames, T frames a recognizer sees, P patches of a frame, H, W; C classes, D dimensions of
FG-Text, E joint embedding, N sentences of a dimension.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import fgsgl.util.cured_stack  # noqa: F401

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from torch import Tensor
from torch.nn.functional import normalize

from fgsgl.data.clip_table import Progress, cached_frames, evaluated_frames
from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.towers.tower import build_tower
from fgsgl.prediction.trained import Trained
from fgsgl.prediction.windows import Window, read_windows, windows_of
from fgsgl.records.environment import resolve_device
from fgsgl.text import fgtext
from fgsgl.training.evaluate import without_prior
from fgsgl.util.errors import UserError

BATCH = 8
"""Windows that are recognised at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """The sentence of a dimension that fits a clip best."""

    dimension: str
    text: str
    class_name: str
    """The class that it describes; the first where several share it."""
    similarity: float
    """Cosine to the clip's local embedding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What a recognizer says of one window of a video."""

    video: str
    start_s: float
    end_s: float
    classes: tuple[str, ...]
    probabilities_C: np.ndarray = field(repr=False)
    """Sum to 1."""
    frame_numbers: tuple[int, ...]
    """0-based numbers of the T frames that it saw."""
    sentences: tuple[Sentence, ...] = ()
    """One of each dimension that the recognizer reads; none but with FG-SGL."""
    attention_DTP: np.ndarray | None = field(default=None, repr=False)
    """Where each dimension looks, D in the order of ``sentences``; sums to 1 over T and P."""

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The most probable classes with their probabilities, the first first."""
        order = np.argsort(-self.probabilities_C, kind="stable")[:count]
        return [(self.classes[index], float(self.probabilities_C[index])) for index in order]


class Recognizer:
    """A trained recognizer that names what a video shows.

    Args:
        trained: from :func:`fgsgl.prediction.trained.trained_cell` or :func:`fgsgl.prediction.model_file.read_model`.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UserError: for weights that do not fit, or a device that is not there.
    """

    def __init__(self, trained: Trained, device: str = "auto") -> None:
        self.trained, self.classes = trained, trained.classes
        self.device = resolve_device(device)
        self.model = trained.build(self.device)
        self._sentences = _sentences(trained, self.model) if isinstance(self.model, FGSGL) else {}

    def predict(
        self, video: str | Path | np.ndarray, start_s: float = 0.0, end_s: float | None = None, explain: bool = True
    ) -> Prediction:
        """Names what one video shows.

        Args:
            video: a file, or its frames_THWC, uint8 RGB.
            start_s, end_s: the part of the file that is looked at; None: to its end.
            explain: find the sentences that fit best, and where each dimension looks (FG-SGL alone).

        Raises:
            UserError: for a video that cannot be read, an empty part of it, or frames of another type or shape.
        """
        if isinstance(video, np.ndarray):
            return self._predict("", [self._given(video)], explain)[0]
        windows = windows_of(Path(video), self.trained.protocol.num_frames, start_s, end_s)
        return self._predict(str(video), list(self._read(Path(video), windows)), explain)[0]

    def timeline(
        self,
        video: str | Path,
        window_s: float = 2.0,
        stride_s: float = 0.5,
        explain: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[Prediction]:
        """Names what happens in each window of a long recording, in the order of time.

        Args:
            video: a file.
            window_s, stride_s: length of a window, and how far apart windows begin. The last one ends with the video.
            explain: as for :meth:`predict`.
            progress: called with (windows done, windows in all).

        Raises:
            UserError: for a video that cannot be read, or lengths that are not positive.
        """
        num_frames = self.trained.protocol.num_frames
        windows = windows_of(Path(video), num_frames, window_s=window_s, stride_s=stride_s)
        held: list[tuple[Window, np.ndarray]] = []
        for done, read in enumerate(self._read(Path(video), windows), start=1):
            held.append(read)
            if len(held) == BATCH or done == len(windows):
                yield from self._predict(str(video), held, explain)
                held = []
                if progress is not None:
                    progress(done, len(windows))

    def _read(self, path: Path, windows: Sequence[Window]) -> Iterator[tuple[Window, np.ndarray]]:
        protocol = self.trained.protocol
        return read_windows(path, windows, protocol.num_frames, protocol.image_size)

    def _given(self, frames_THWC: np.ndarray) -> tuple[Window, np.ndarray]:
        """Frames that are in memory, as a window of themselves."""
        if frames_THWC.dtype != np.uint8 or frames_THWC.ndim != 4 or frames_THWC.shape[-1] != 3:
            raise UserError(
                f"frames came as {frames_THWC.dtype} of shape {frames_THWC.shape}; expected uint8 of shape "
                "(frames, height, width, 3), red first"
            )
        if not len(frames_THWC):
            raise UserError("no frames came; expected at least one")
        protocol = self.trained.protocol
        numbers = cached_frames(0, len(frames_THWC), protocol.num_frames)
        seen = tuple(evaluated_frames(0, len(frames_THWC), protocol.num_frames))
        window = Window(start=0, end=0, start_s=0.0, end_s=0.0, frame_numbers=seen)
        return window, _square(frames_THWC[numbers], protocol.image_size)

    @torch.no_grad()
    def _predict(self, video: str, read: Sequence[tuple[Window, np.ndarray]], explain: bool) -> list[Prediction]:
        frames = [torch.from_numpy(frames_KHWC) for _, frames_KHWC in read]
        batch = self.model.data_preprocessor({"inputs": frames, "data_samples": [ActionDataSample() for _ in read]})
        samples = self.model(**batch, mode="predict")
        scores_BC = self._corrected(torch.stack([sample.pred_score.float().cpu() for sample in samples]).numpy())
        explained = self._explain(batch["inputs"]) if explain and self._sentences else [((), None)] * len(read)
        return [
            Prediction(
                video=video, start_s=window.start_s, end_s=window.end_s, classes=self.classes,
                probabilities_C=scores_C,
                frame_numbers=window.frame_numbers,
                sentences=sentences, attention_DTP=attention_DTP,
            )
            for (window, _), scores_C, (sentences, attention_DTP) in zip(read, scores_BC, explained, strict=True)
        ]  # fmt: skip

    def _corrected(self, scores_BC: np.ndarray) -> np.ndarray:
        """Probabilities as the protocol corrects them by the training split's classes."""
        trained = self.trained
        protocol = trained.protocol
        unseen = protocol.regime.held_out(trained.classes)
        return without_prior(scores_BC, trained.train_clips, protocol.logit_adjustment, unseen)

    def _explain(self, clip_BTCHW: Tensor) -> list[tuple[tuple[Sentence, ...], np.ndarray]]:
        seen = self.model(clip_BTCHW, mode="tensor")
        found = []
        for local_DE, attention_DTP in zip(seen["local_BDE"], seen["attention_BDTP"], strict=True):
            sentences = tuple(
                _best(dimension, local_E, *held)
                for local_E, (dimension, held) in zip(local_DE, self._sentences.items(), strict=True)
            )
            found.append((sentences, attention_DTP.float().cpu().numpy()))
        return found


def _sentences(trained: Trained, model: FGSGL) -> dict[str, tuple[list[tuple[str, str]], Tensor]]:
    """Sentences by dimension that FG-SA reads: (sentence, class name) of each, and their embeddings_NE."""
    if not model.config.has_fine or trained.text is None:
        return {}
    text, config = fgtext.parse(trained.text), model.config
    tower = (
        model.tower if model.tower.text is not None else build_tower(config.tower, config.pretrained, config.image_size)
    )
    found = {}
    for dimension in config.dimensions:
        class_of: dict[str, str] = {}
        for entry in text.classes:
            for sentence in entry.sentences[dimension]:
                class_of.setdefault(sentence, entry.name)
        found[dimension] = list(class_of.items()), tower.encode_text(list(class_of)).to(model.fine_text_CDE.device)
    return found


def _best(dimension: str, local_E: Tensor, told: list[tuple[str, str]], text_NE: Tensor) -> Sentence:
    similarity_N = text_NE @ normalize(local_E.float(), dim=-1)
    best = int(similarity_N.argmax())
    text, class_name = told[best]
    return Sentence(dimension=dimension, text=text, class_name=class_name, similarity=float(similarity_N[best]))


def _square(frames_KHWC: np.ndarray, size: int) -> np.ndarray:
    """The centred square of each frame, scaled to a side of ``size`` pixels."""
    height, width = frames_KHWC.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut_KHWC = frames_KHWC[:, top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(cut_KHWC)
    cut_KCHW = torch.from_numpy(np.ascontiguousarray(cut_KHWC)).movedim(-1, 1).float()
    scaled_KCHW = torch.nn.functional.interpolate(cut_KCHW, size=(size, size), mode="bilinear", antialias=side > size)
    return scaled_KCHW.round().clamp(0, 255).to(torch.uint8).movedim(1, -1).contiguous().numpy()
