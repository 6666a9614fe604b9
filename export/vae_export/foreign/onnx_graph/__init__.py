"""An ONNX graph that another tool wrote, as a torch module that runs it node by node."""
