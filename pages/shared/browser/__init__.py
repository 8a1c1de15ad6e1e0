"""What components stand on: the factory, modules and styles that a browser keeps, and its one live socket."""
