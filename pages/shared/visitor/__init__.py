"""Who looks at a page: the visitor, the instructor, a member of a class."""
