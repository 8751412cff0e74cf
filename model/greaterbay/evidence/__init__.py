"""Where the model's numbers come from: figures, assumptions, papers, documents and document levers."""
