"""Comparison of scenarios: paired effects and their certainty, ranking, cost, spread, synergy, equal public money.

Replicate k of every scenario uses the same random numbers, so everything here starts from differences within a pair.
"""
