"""Is the model what it says? Checks against published results, regularities, claims and its own books.

A check is declared in ``checks.csv``: what it measures, where the expectation comes from, the range that is accepted. Experiments
measure it, one number for each seed; ``checks.grade`` compares the interval of the mean with the range. Experiments call the model's
own functions, alone on a network they make or in paired runs of the model.
"""
