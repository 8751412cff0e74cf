"""The report of a calibration."""
def markdown(study, found, manifest):
    return "later\n"
