"""The rules of the operators that a graph may use, by kind; `model/shapes.py` is their table."""
