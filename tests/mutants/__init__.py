"""Takes each protection out, one at a time, in a copy of the tree, and sees that the tests notice."""
