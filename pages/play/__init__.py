"""A person plays an environment in the browser: the socket, and the component."""
