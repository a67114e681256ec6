"""The pages: a request in, a verb called, a page out."""
