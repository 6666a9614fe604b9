"""What a device says about itself and its model."""
