"""Scenarios: what a file may say (``schema``), how it is read (``load``) and what is wrong with it."""
