"""A mapping proposed from a sample of a file: what each column could be, and how sure that is."""
