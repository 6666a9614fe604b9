"""Export, with torch and onnx: `vae export RUN MODEL`."""
