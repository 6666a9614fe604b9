"""Training, with torch: `vae fit`, `vae evaluate`, `vae plot`, `vae compare`, `vae detector`."""
