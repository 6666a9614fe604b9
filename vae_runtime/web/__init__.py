"""A page that runs a model in the browser: `page/` and `vae/` are its files, `bundle` puts a model beside them."""
