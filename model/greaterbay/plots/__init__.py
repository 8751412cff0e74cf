"""Pictures and a short summary of result files. Matplotlib is imported here and nowhere else."""
