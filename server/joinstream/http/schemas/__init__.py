"""What clients may send: one module of pydantic models per resource."""
