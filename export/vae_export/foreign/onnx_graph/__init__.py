"""An ONNX graph that another tool wrote, as a torch module: read, refused where it cannot be one, and run node by node."""
