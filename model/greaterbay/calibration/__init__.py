"""Calibration: figures of the documents against the model, by waves with emulated synthetic likelihood."""
