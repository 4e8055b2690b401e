"""Pages: each is one HTML file that needs no network and can be passed on."""
