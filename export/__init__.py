"""Export, with torch and onnx: `python -m export RUN artifacts/NAME`. Run from a checkout; not installed."""
