"""Episodes of trained agents in the browser: their routes, and the component that plays them."""
