"""Pretraining of synmg-tiny and of the slim convolutional backbone on captioned random motions.

``python -m fgsgl.models.pretrain --minutes 90 --out DIR`` trains, ``--resume`` goes on, and
``python -m fgsgl.models.pretrain export --out DIR`` writes the newest weights at any time, also while it trains.
"""
