"""Many pictures: batch engines, and the page in a browser."""
