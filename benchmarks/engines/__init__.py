"""The runtime beside other engines."""
