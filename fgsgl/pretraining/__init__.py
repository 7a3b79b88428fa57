"""Pretraining of synmg-tiny and of the slim convolutional backbone on captioned still pictures, as CLIP was.

First a *teacher* learns words from what pictures show, before any is rendered (``facts``, ``captions``, ``teacher``).
Then both networks (``heads``) learn poses, and after that to give each picture (``stills``, ``pool``) the embedding
that the teacher gives its facts, and to find its caption (``augment``, ``losses``, ``train``). No caption tells of
motion, no two pictures are compared, and nothing learns over time.

``python -m fgsgl.pretraining --minutes 90 --out DIR`` trains, ``--resume`` goes on, and
``python -m fgsgl.pretraining export --out DIR`` writes the newest weights at any time, also while it trains.
"""
