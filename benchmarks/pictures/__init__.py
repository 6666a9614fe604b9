"""Folders of pictures: made for the documents, and what the documented commands make of other people's."""
