"""Localisation: attention maps compared with true motion masks, evaluated and as tables."""
