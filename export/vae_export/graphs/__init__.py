"""A torch model as ONNX graphs: pure functions, self-contained, stripped, stamped, the same bytes each time."""
