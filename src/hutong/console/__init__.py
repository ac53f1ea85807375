"""The pages an operator looks at, drawn from the public API."""
