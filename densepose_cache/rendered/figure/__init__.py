"""A rendered person: body, clothes, surface chart and motion."""
