"""Pictures: files and streams to arrays and back. No models."""
