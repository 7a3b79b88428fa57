"""FG-SGL: FG-SA, CP-A, losses, calibration and the recognizer."""
