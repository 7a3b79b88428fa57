"""Recognizers of the baselines, registered with MMAction2."""
