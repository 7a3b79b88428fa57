"""Clip tables made from what people have: folders of videos, MMAction2's lists, pickles of skeletons."""
