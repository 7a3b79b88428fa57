"""Pretraining of synmg-tiny and of the slim convolutional backbone on captioned random motions.

First a *teacher* learns words and motions from the true places of the joints, of clips that are never rendered
(``motions``, ``texts``, ``teacher``, ``teach``). Then both networks (``heads``) learn poses, and after that to give
each rendered frame the embedding that the teacher gives its joints (``pool``, ``augment``, ``losses``, ``train``).

``python -m fgsgl.pretraining --minutes 90 --out DIR`` trains, ``--resume`` goes on, and
``python -m fgsgl.pretraining export --out DIR`` writes the newest weights at any time, also while it trains.
"""
