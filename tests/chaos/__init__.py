"""A fleet in trouble: what it does, who kills it, and what must hold of the store afterwards."""
